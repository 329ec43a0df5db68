-- Transactions of several sessions at once, in progress and rolled back in
-- part, some of them large.
CREATE TABLE shared (id int PRIMARY KEY, worker int, n int, t text, a int[]);
ALTER TABLE shared ALTER t SET STORAGE EXTERNAL;
CREATE TABLE own (worker int, i int, t text, PRIMARY KEY (worker, i));
INSERT INTO shared SELECT g, 0, 0, repeat('s', 3000), ARRAY[g] FROM generate_series(1, 40) g;
CREATE PROCEDURE work(me int) LANGUAGE plpgsql AS $$
DECLARE
	dice int;
	this int;
BEGIN
	FOR i IN 1..60 LOOP
		this := i;
		dice := abs(hashint4(me * 1000 + i)) % 10;
		INSERT INTO own VALUES (me, i, repeat('o', dice * 100));
		BEGIN
			UPDATE shared SET worker = me, n = n + 1 WHERE id = 1 + (i * 7 + me * 11) % 40;
			INSERT INTO own SELECT me, 1000 * i + g, 'inside' FROM generate_series(1, dice * 10) g;
			IF dice % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN
			UPDATE own SET t = t || 'x' WHERE worker = me AND own.i = this;
		END;
		IF dice = 7 THEN
			INSERT INTO own SELECT me, 100000 * i + g, repeat('large', 20) FROM generate_series(1, 1500) g;
		END IF;
		IF dice % 4 = 1 THEN
			PERFORM pg_logical_emit_message(dice > 5, 'worker ' || me, i::text);
		END IF;
		IF dice = 2 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END $$;
-- workload

-- test: four sessions
SELECT current_database() AS database \gset
\setenv EQUALITY_DATABASE :database
\! for w in 1 2 3 4; do psql -X -q -d "$EQUALITY_DATABASE" -c "SET deadlock_timeout = '10ms'" -c "CALL work($w)" & done; wait
