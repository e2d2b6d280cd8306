BEGIN TRANSACTION;
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
INSERT INTO events VALUES(1,'2026-01-01T12:30:00.123456+00:00','DecisionMade','bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","at":"2026-01-01T12:30:00.123456Z","decision":{"number":1,"depth":"0.058","leverage":"3","config_version":"v1","equity":"10000","price":"60000","quantity":"0.029","unreachable":"","decided_at":"2026-01-01T12:30:00.123456Z"}}');
INSERT INTO events VALUES(2,'2026-01-01T12:30:00.123456+00:00','OrderIntended','bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","at":"2026-01-01T12:30:00.123456Z","intent":{"client_order_id":"00000000000000000000000000000001","account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","side":"buy","quantity":"0.029","reduce_only":false,"margin_mode":"isolated","leverage":"3","decision":1}}');
INSERT INTO events VALUES(3,'2026-01-01T12:30:00.123456+00:00','OrderAccepted','bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","at":"2026-01-01T12:30:00.123456Z","client_order_id":"00000000000000000000000000000001","exchange_order_id":"77"}');
INSERT INTO events VALUES(4,'2026-01-01T12:30:00.123456+00:00','OrderSettled','bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","at":"2026-01-01T12:30:00.123456Z","client_order_id":"00000000000000000000000000000001","filled":"0.029","average_price":"60001.5"}');
INSERT INTO events VALUES(5,'2026-01-01T12:30:00.123456+00:00','TargetConfirmed','bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","at":"2026-01-01T12:30:00.123456Z","number":1,"depth":"0.058","quantity":"0.029"}');
INSERT INTO events VALUES(6,'2026-01-01T12:30:00.123456+00:00','DecisionMade','bybit::main','ETHUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","at":"2026-01-01T12:30:00.123456Z","decision":{"number":1,"depth":"0.058","leverage":"3","config_version":"v1","equity":"10000","price":"60000","quantity":"0.029","unreachable":"","decided_at":"2026-01-01T12:30:00.123456Z"}}');
INSERT INTO events VALUES(7,'2026-01-01T12:30:00.123456+00:00','OrderIntended','bybit::main','ETHUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","at":"2026-01-01T12:30:00.123456Z","intent":{"client_order_id":"00000000000000000000000000000002","account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","side":"sell","quantity":"0.123456789012345678","reduce_only":false,"margin_mode":"isolated","leverage":"3","decision":1}}');
INSERT INTO events VALUES(8,'2026-01-01T12:30:00.123456+00:00','OrderOutcomeUnknown','bybit::main','ETHUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","at":"2026-01-01T12:30:00.123456Z","client_order_id":"00000000000000000000000000000002","detail":"the connection was cut"}');
CREATE INDEX events_by_symbol ON events (account, symbol, sequence);
CREATE TABLE frames (
    source TEXT PRIMARY KEY,
    payload TEXT NOT NULL
) STRICT;
INSERT INTO frames VALUES('tradingview','{"source":"tradingview","sequence":7,"written_at":"2026-01-01T12:30:00.123456Z","heartbeat_at":"2026-01-01T12:30:00.123456Z","fetched_at":null,"status":"ok","reason":"","authenticated":true,"signals":[{"source":"tradingview","source_symbol":"BTCUSDT","depth":"0.058","at":"2026-01-01T12:30:00.123456Z","leverage":"3","price":null,"record_id":"r1"}]}');
CREATE TABLE ledgers (
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (account, symbol)
) STRICT;
INSERT INTO ledgers VALUES('bybit::main','BTCUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"BTCUSDT","decision":{"number":1,"depth":"0.058","leverage":"3","config_version":"v1","equity":"10000","price":"60000","quantity":"0.029","unreachable":"","decided_at":"2026-01-01T12:30:00.123456Z"},"owned":"0.029","orders":[],"steps":1,"standing":"active","standing_reason":"","confirmed":1,"confirmed_depth":"0.058","ever_traded":true,"adopter":""}');
INSERT INTO ledgers VALUES('bybit::main','ETHUSDT','{"account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","decision":{"number":1,"depth":"0.058","leverage":"3","config_version":"v1","equity":"10000","price":"60000","quantity":"0.029","unreachable":"","decided_at":"2026-01-01T12:30:00.123456Z"},"owned":"0","orders":[{"intent":{"client_order_id":"00000000000000000000000000000002","account":{"exchange":"bybit","label":"main"},"symbol":"ETHUSDT","side":"sell","quantity":"0.123456789012345678","reduce_only":false,"margin_mode":"isolated","leverage":"3","decision":1},"phase":"unknown","sent_at":"2026-01-01T12:30:00.123456Z","exchange_order_id":"","detail":"the connection was cut"}],"steps":1,"standing":"active","standing_reason":"","confirmed":0,"confirmed_depth":"0","ever_traded":true,"adopter":""}');
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES('last_command','4');
INSERT INTO meta VALUES('epoch','00112233445566778899aabbccddeeff');
INSERT INTO meta VALUES('tag','rxkc6l');
CREATE TABLE standings (
    scope TEXT PRIMARY KEY,
    payload TEXT NOT NULL
) STRICT;
INSERT INTO standings VALUES('bybit::main','{"scope":{"account":{"exchange":"bybit","label":"main"},"symbol":null,"source":null},"standing":"halted","by":"ann","at":"2026-01-01T12:30:00.123456Z","why":"leaving for a week"}');
pragma user_version=2;
COMMIT TRANSACTION;
