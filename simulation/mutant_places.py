"""The small mistakes that are planted one at a time: what each place of a module's syntax tree can be changed to."""

import ast
from collections.abc import Callable, Iterator

Place = tuple[int, Callable[[], str], Callable[[], None]]
"""Line, description, and what makes the change."""

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.USub: ast.UAdd,
}  # fmt: skip
_NOT_RUN = frozenset({"annotation", "returns", "decorator_list", "type_params"})
_REMOVABLE = (ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Expr)


def places(source: str) -> list[tuple[int, str]]:
    """Line and description of every change that the module offers, always in the same order."""
    return [(line, told()) for line, told, _ in _places_of(ast.parse(source), in_function=False)]


def mutate(source: str, number: int) -> ast.Module:
    """The module's tree with that one place changed.

    Raises:
        IndexError: There is no such place.
    """
    tree = ast.parse(source)
    list(_places_of(tree, in_function=False))[number][2]()
    return ast.fix_missing_locations(tree)


def _places_of(node: ast.AST, *, in_function: bool) -> Iterator[Place]:
    yield from _own(node)
    in_function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for field, value in ast.iter_fields(node):
        if field in _NOT_RUN:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if in_function and isinstance(value, list) and isinstance(child, _REMOVABLE) and not _is_text(child):
                yield child.lineno, _saying("removed", child), _put(value, index, ast.Pass())
            if isinstance(child, ast.AST):
                yield from _places_of(child, in_function=in_function)


def _own(node: ast.AST) -> Iterator[Place]:
    match node:
        case ast.Compare():
            for index, op in enumerate(node.ops):
                if type(op) in _SWAPPED:
                    yield node.lineno, _swap_told(node, op), _put(node.ops, index, _SWAPPED[type(op)]())
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.UnaryOp(op=op) if type(op) in _SWAPPED:
            yield node.lineno, _swap_told(node, op), _set(node, "op", _SWAPPED[type(op)]())
        case ast.If(test=test) | ast.IfExp(test=test):
            yield node.lineno, _saying("condition negated", test), _set(node, "test", ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool(value)):
            yield node.lineno, _from_to(value, not value), _set(node, "value", not value)
        case ast.Constant(value=int(value) | float(value)):
            yield node.lineno, _from_to(value, value + 1), _set(node, "value", value + 1)
        case ast.Return(value=ast.AST() as value) if not _is_nothing(value):
            yield node.lineno, _saying("returns nothing", value), _set(node, "value", ast.Constant(None))


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_nothing(value: ast.AST) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _swap_told(node: ast.AST, op: ast.AST) -> Callable[[], str]:
    return _saying(f"{type(op).__name__} to {_SWAPPED[type(op)].__name__}", node)


def _from_to(before: float, after: float) -> Callable[[], str]:
    return lambda: f"{before} to {after}"


def _saying(change: str, node: ast.AST) -> Callable[[], str]:
    return lambda: f"{change}: {_told(node)}"


def _told(node: ast.AST) -> str:
    return ast.unparse(node)[:90]


def _set(node: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, field, value)


def _put(items: list[ast.AST] | list[ast.cmpop], index: int, value: ast.AST) -> Callable[[], None]:
    def put() -> None:
        items[index] = value  # type: ignore[call-overload]

    return put
