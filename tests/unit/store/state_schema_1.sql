BEGIN TRANSACTION;
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,'2026-11-21T10:06:09.000000Z','create','{"mode":"paper","account":"main"}','0000000000000000000000000000000000000000000000000000000000000000','3ce130ef910f2055ba306761c8a18c8ef585366b13c2728fa1ccd64f99faeedc');
INSERT INTO "audit" VALUES(2,'2026-02-02T04:00:00.000000Z','decide','{"strategy":"s","strategy_id":"11","symbol":"INFY","side":"long","interval":"5m","bar_open":700,"as_of":1000,"price":"1500.05","atr":"3.5","tag":"zone","inputs":"{\"effort\":0.25}","verdict":"{\"intent\":{\"intent_id\":\"a\",\"account\":\"main\",\"strategy\":\"s\",\"symbol\":\"INFY\",\"side\":\"long\",\"action\":\"BUY\",\"purpose\":\"entry\",\"product\":\"MIS\",\"order_type\":\"MARKET\",\"quantity\":\"10\",\"price\":\"1500.05\",\"as_of\":1000,\"limit_price\":null,\"trigger_price\":null,\"intent_reason\":\"\",\"exit_plan\":\"{\\\"kind\\\":\\\"trailing_atr\\\",\\\"square_off\\\":true,\\\"distance\\\":7.5}\"},\"checks\":[[\"funds\",true,\"\",{\"available\":\"100.00\"}]]}","note":""}','3ce130ef910f2055ba306761c8a18c8ef585366b13c2728fa1ccd64f99faeedc','3f670ddda9d9652bb0ed1448573f767d45d7a901123ed28279f0ec52bc5ad9d6');
INSERT INTO "audit" VALUES(3,'2026-02-02T04:00:00.000000Z','intend','{"intent_id":"a","account":"main","strategy":"s","symbol":"INFY","side":"long","action":"BUY","purpose":"entry","product":"MIS","order_type":"MARKET","quantity":"10","price":"1500.05","as_of":1000,"limit_price":null,"trigger_price":null,"intent_reason":"","exit_plan":"{\"kind\":\"trailing_atr\",\"square_off\":true,\"distance\":7.5}"}','3f670ddda9d9652bb0ed1448573f767d45d7a901123ed28279f0ec52bc5ad9d6','0d832df7d5bf303f7108a5513997b448059f14cbd97cffb48860b2d03dd51acd');
INSERT INTO "audit" VALUES(4,'2026-02-02T04:00:01.000000Z','advance','{"order":{"intent_id":"a","state":"SENT","broker_order_id":null,"filled_quantity":"0","average_price":"0","reason":"","updated_at":"2026-02-02T04:00:01.000000Z"}}','0d832df7d5bf303f7108a5513997b448059f14cbd97cffb48860b2d03dd51acd','cd6d042beb96913f7bf5ce694dab7b810fefbe51c3a09cf45a8a4f5c05e78df9');
INSERT INTO "audit" VALUES(5,'2026-02-02T04:00:02.000000Z','advance','{"order":{"intent_id":"a","state":"ACKED","broker_order_id":"B1","filled_quantity":"0","average_price":"0","reason":"","updated_at":"2026-02-02T04:00:02.000000Z"}}','cd6d042beb96913f7bf5ce694dab7b810fefbe51c3a09cf45a8a4f5c05e78df9','c3e0fd4a5ec9feb002d0ad65e682cf1f28dffe494f4d7306620ea9e1d437a40f');
INSERT INTO "audit" VALUES(6,'2026-02-02T04:00:04.000000Z','book','{"fill":{"broker":"sim","trade_id":"t1","intent_id":"a","symbol":"INFY","action":"BUY","quantity":"4","price":"1500.10","charges":"3.17","filled_at":"2026-02-02T04:00:03.000000Z"},"order":{"intent_id":"a","state":"PARTIALLY_FILLED","broker_order_id":"B1","filled_quantity":"4","average_price":"1500.10","reason":"","updated_at":"2026-02-02T04:00:04.000000Z"}}','c3e0fd4a5ec9feb002d0ad65e682cf1f28dffe494f4d7306620ea9e1d437a40f','aee6dca66800ec8622f5b1f6b86b5a2788e59dc3406e31a1143fd1b9be6db415');
INSERT INTO "audit" VALUES(7,'2026-02-02T04:00:00.000000Z','intend','{"intent_id":"b","account":"main","strategy":"s","symbol":"TCS","side":"long","action":"BUY","purpose":"entry","product":"MIS","order_type":"MARKET","quantity":"10","price":"1500.05","as_of":1000,"limit_price":null,"trigger_price":null,"intent_reason":"","exit_plan":null}','aee6dca66800ec8622f5b1f6b86b5a2788e59dc3406e31a1143fd1b9be6db415','a8992f1eb30264b531a2d091a7f7f8ec559b05ddbac03024b1ec04fdeee5e299');
INSERT INTO "audit" VALUES(8,'2026-02-02T04:00:00.000000Z','mark','{"as_of":1000}','a8992f1eb30264b531a2d091a7f7f8ec559b05ddbac03024b1ec04fdeee5e299','c69af47f7bbc229e646b12f3962e7be6c7fcb5d04f9631b476344ae8356edbc5');
INSERT INTO "audit" VALUES(9,'2026-02-02T04:00:00.000000Z','equity','{"as_of":1000,"value":"99.50","cash":"1"}','c69af47f7bbc229e646b12f3962e7be6c7fcb5d04f9631b476344ae8356edbc5','350270ce203795a019c7e2b9929bb3414f7eb7a8ce7c76c67bf140ee27a171bb');
CREATE TABLE cursor (
	name TEXT NOT NULL, 
	as_of INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cursor" VALUES('marked',1000);
CREATE TABLE decisions (
	seq INTEGER NOT NULL, 
	strategy TEXT NOT NULL, 
	strategy_id TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	interval TEXT NOT NULL, 
	bar_open INTEGER NOT NULL, 
	as_of INTEGER NOT NULL, 
	price TEXT NOT NULL, 
	atr TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	inputs TEXT NOT NULL, 
	verdict TEXT, 
	note TEXT NOT NULL, 
	decided_at TEXT NOT NULL, 
	PRIMARY KEY (as_of, symbol, strategy, side), 
	UNIQUE (seq), 
	FOREIGN KEY(seq) REFERENCES audit (seq)
);
INSERT INTO "decisions" VALUES(2,'s','11','INFY','long','5m',700,1000,'1500.05','3.5','zone','{"effort":0.25}','{"intent":{"intent_id":"a","account":"main","strategy":"s","symbol":"INFY","side":"long","action":"BUY","purpose":"entry","product":"MIS","order_type":"MARKET","quantity":"10","price":"1500.05","as_of":1000,"limit_price":null,"trigger_price":null,"intent_reason":"","exit_plan":"{\"kind\":\"trailing_atr\",\"square_off\":true,\"distance\":7.5}"},"checks":[["funds",true,"",{"available":"100.00"}]]}','','2026-02-02T04:00:00.000000Z');
CREATE TABLE equity (
	as_of INTEGER NOT NULL, 
	value TEXT NOT NULL, 
	cash TEXT NOT NULL, 
	recorded_at TEXT NOT NULL, 
	PRIMARY KEY (as_of)
);
INSERT INTO "equity" VALUES(1000,'99.50','1','2026-02-02T04:00:00.000000Z');
CREATE TABLE fills (
	seq INTEGER NOT NULL, 
	broker TEXT NOT NULL, 
	trade_id TEXT NOT NULL, 
	intent_id TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	action TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	price TEXT NOT NULL, 
	charges TEXT NOT NULL, 
	filled_at TEXT NOT NULL, 
	UNIQUE (broker, trade_id), 
	UNIQUE (seq), 
	FOREIGN KEY(seq) REFERENCES audit (seq), 
	FOREIGN KEY(intent_id) REFERENCES orders (intent_id)
);
INSERT INTO "fills" VALUES(6,'sim','t1','a','INFY','BUY','4','1500.10','3.17','2026-02-02T04:00:03.000000Z');
CREATE TABLE meta (
	mode TEXT NOT NULL, 
	account TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	PRIMARY KEY (mode)
);
INSERT INTO "meta" VALUES('paper','main','2026-11-21T10:06:09.000000Z');
CREATE TABLE orders (
	intent_id TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	strategy TEXT NOT NULL, 
	symbol TEXT NOT NULL, 
	side TEXT NOT NULL, 
	action TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	product TEXT NOT NULL, 
	order_type TEXT NOT NULL, 
	quantity TEXT NOT NULL, 
	price TEXT NOT NULL, 
	as_of INTEGER NOT NULL, 
	limit_price TEXT, 
	trigger_price TEXT, 
	intent_reason TEXT NOT NULL, 
	exit_plan TEXT, 
	state TEXT NOT NULL, 
	broker_order_id TEXT, 
	filled_quantity TEXT NOT NULL, 
	average_price TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	created_at TEXT NOT NULL, 
	updated_at TEXT NOT NULL, 
	PRIMARY KEY (intent_id), 
	UNIQUE (seq), 
	FOREIGN KEY(seq) REFERENCES audit (seq)
);
INSERT INTO "orders" VALUES('a',3,'main','s','INFY','long','BUY','entry','MIS','MARKET','10','1500.05',1000,NULL,NULL,'','{"kind":"trailing_atr","square_off":true,"distance":7.5}','PARTIALLY_FILLED','B1','4','1500.10','','2026-02-02T04:00:00.000000Z','2026-02-02T04:00:04.000000Z');
INSERT INTO "orders" VALUES('b',7,'main','s','TCS','long','BUY','entry','MIS','MARKET','10','1500.05',1000,NULL,NULL,'',NULL,'INTENT',NULL,'0','0','','2026-02-02T04:00:00.000000Z','2026-02-02T04:00:00.000000Z');
CREATE TABLE runs (
	run INTEGER NOT NULL, 
	mode TEXT NOT NULL, 
	version TEXT NOT NULL, 
	config_hash TEXT NOT NULL, 
	started_at TEXT NOT NULL, 
	stopped_at TEXT, 
	exit_reason TEXT, 
	PRIMARY KEY (run)
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1,'2026-11-21T10:06:09.000000Z');
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_gap BEFORE INSERT ON audit WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE INDEX orders_as_of ON orders (as_of);
CREATE INDEX ix_fills_intent_id ON fills (intent_id);
COMMIT;
