import gc

from operations.heap import spare_the_heap


def test_what_lives_at_the_start_is_left_out_of_later_collections_and_what_comes_after_is_not() -> None:
    threshold = gc.get_threshold()
    try:
        lived: list[list[int]] = [[] for _ in range(1000)]
        spare_the_heap()
        frozen = gc.get_freeze_count()
        came: list[list[int]] = [[]]

        assert frozen > len(lived)
        assert not any(one is lived for one in gc.get_objects())
        assert any(one is came for one in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
