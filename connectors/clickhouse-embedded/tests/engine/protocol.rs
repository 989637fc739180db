//! What a plain client sees: parameters, settings, sessions, formats, errors.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::raw::{self, path, run, send};
use crate::{database, engine};

#[test]
fn it_answers_where_servers_answer() {
    for (target, status, text) in
        [("/ping", 200, "Ok.\n"), ("/", 200, "Ok.\n"), ("/replicas_status", 200, "Ok.\n")]
    {
        let reply = send("GET", target, &[], b"");
        assert_eq!((reply.status, reply.text().as_str()), (status, text), "{target}");
    }
    assert_eq!(send("GET", "/nothing", &[], b"").status, 404);
    assert_eq!(run("SELECT version()").trim(), engine().version());
}

#[test]
fn the_statement_comes_by_url_by_body_or_by_both() {
    for (query, body) in
        [("SELECT 1 + 1", ""), ("", "SELECT 1 + 1"), ("SELECT 1", "+ 1"), ("SELECT 1 -- one", "+ 1;")]
    {
        let reply = send("POST", &path(&[("query", query)]), &[], body.as_bytes());
        assert_eq!((reply.status, reply.text().as_str()), (200, "2\n"), "{query:?} {body:?}");
    }
    assert_eq!(send("GET", &path(&[("query", "SELECT 2")]), &[], b"").text(), "2\n");
}

#[test]
fn statements_that_only_begin_like_a_select_run_too() {
    let name = database("begins_like");
    run(&format!("CREATE TABLE {name}.t (a Int8) ENGINE = MergeTree ORDER BY a"));
    assert_eq!(run(&format!("WITH 5 AS x INSERT INTO {name}.t SELECT x")), "");
    assert_eq!(run(&format!("INSERT INTO {name}.t (a) (SELECT 2)")), "");
    assert_eq!(run(&format!("(SELECT sum(a) FROM {name}.t) UNION ALL (SELECT 1)")).len(), 4);
    assert!(run("EXPLAIN SYNTAX SELECT 1").starts_with("SELECT 1\n"));
    assert!(run("SHOW DATABASES").contains(&name));
}

#[test]
fn parameters_are_values_not_text() {
    let name = "it's \\ {a} ; DROP";
    let sql = "SELECT {name:String}, {count:UInt8} + 1";
    // As for a server, values are escaped as in TabSeparated.
    let escaped = name.replace('\\', "\\\\");
    let target = path(&[
        ("query", sql),
        ("param_name", &escaped),
        ("param_count", "41"),
        ("default_format", "JSONCompactEachRow"),
    ]);
    assert_eq!(send("GET", &target, &[], b"").text(), format!("[\"{}\", 42]\n", escaped));
    let missing = send("GET", &path(&[("query", "SELECT {x:Int8}")]), &[], b"");
    assert_eq!(missing.header("x-clickhouse-exception-code"), Some("456"));
}

#[test]
fn parameters_reach_inserts_too() {
    let name = database("insert_params");
    run(&format!("CREATE TABLE {name}.t (a Int8) ENGINE = MergeTree ORDER BY a"));
    let insert = "INSERT INTO {table:Identifier} FORMAT CSV";
    let reply =
        send("POST", &path(&[("query", insert), ("param_table", "t"), ("database", &name)]), &[], b"1\n2\n");
    assert_eq!(reply.text(), "");
    assert_eq!(run(&format!("SELECT sum(a) FROM {name}.t")), "3\n");
}

#[test]
fn settings_hold_for_one_request() {
    let sql = "SELECT value FROM system.settings WHERE name = 'max_block_size'";
    let usual = run(sql);
    let set = send("POST", &path(&[("max_block_size", "7")]), &[], sql.as_bytes());
    assert_eq!((set.text().as_str(), run(sql)), ("7\n", usual));
    let unknown = send("POST", &path(&[("no_such_setting", "1")]), &[], b"SELECT 1");
    assert_eq!((unknown.status, unknown.header("x-clickhouse-exception-code")), (404, Some("115")));
}

#[test]
fn sessions_keep_temporary_tables_and_settings_but_not_those_of_a_request() {
    let name = database("of_session");
    let ask = |pairs: &[(&str, &str)], sql: &str| {
        let session = [("session_id", "s1")].into_iter().chain(pairs.iter().copied()).collect::<Vec<_>>();
        let reply = send("POST", &path(&session), &[], sql.as_bytes());
        assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
        reply.text()
    };
    ask(&[], "CREATE TEMPORARY TABLE mine (a Int8)");
    ask(&[], "INSERT INTO mine VALUES (1), (2)");
    ask(&[], "SET max_block_size = 11");
    let state = "SELECT getSetting('max_block_size'), currentDatabase(), (SELECT sum(a) FROM mine)";
    assert_eq!(ask(&[("max_block_size", "7"), ("database", &name)], state), "7\tof_session\t3\n");
    assert_eq!(ask(&[], state), "11\tdefault\t3\n");
    let stranger = send("POST", "/", &[], b"SELECT * FROM mine");
    assert_eq!(stranger.status, 404);
    let unknown = send("POST", &path(&[("session_id", "s2"), ("session_check", "1")]), &[], b"SELECT 1");
    assert_eq!(unknown.header("x-clickhouse-exception-code"), Some("372"));
    let ended = send("POST", &path(&[("session_id", "s3"), ("session_timeout", "0")]), &[], b"SELECT 1");
    assert_eq!(ended.status, 200);
    let gone = send("POST", &path(&[("session_id", "s3"), ("session_check", "1")]), &[], b"SELECT 1");
    assert_eq!(gone.header("x-clickhouse-exception-code"), Some("372"));
}

#[test]
fn a_session_serves_one_request_at_a_time() {
    let slow = "SELECT sleepEachRow(0.1) FROM numbers(1200) SETTINGS max_block_size = 1 FORMAT Null";
    let is_slow = "query LIKE 'SELECT sleepEachRow(0.1)%'";
    let target = path(&[("session_id", "slow")]);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| send("POST", &target, &[], slow.as_bytes()));
        let deadline = Instant::now() + Duration::from_secs(60);
        while run(&format!("SELECT count() FROM system.processes WHERE {is_slow}")) != "1\n" {
            assert!(Instant::now() < deadline && !first.is_finished(), "the slow statement was not seen");
        }
        let second = send("POST", &target, &[], b"SELECT 1");
        assert_eq!(second.header("x-clickhouse-exception-code"), Some("373"), "{}", second.text());
        run(&format!("KILL QUERY WHERE {is_slow} SYNC"));
        let first = first.join().unwrap();
        assert_eq!(first.header("x-clickhouse-exception-code"), Some("394"), "{}", first.text());
        assert_eq!(send("POST", &target, &[], b"SELECT 1").text(), "1\n");
    });
}

#[test]
fn get_changes_nothing() {
    let name = database("read_only");
    // The engine writes into the folder the test runs in, should it write at all.
    let file = std::path::PathBuf::from(format!("{name}.csv"));
    for sql in [
        format!("CREATE TABLE {name}.t (a Int8) ENGINE = Memory"),
        format!("DROP DATABASE {name}"),
        "SET readonly = 0".to_owned(),
        format!("SELECT 1 INTO OUTFILE '{name}.csv'"),
        format!("WITH 1 AS x INSERT INTO FUNCTION file('{name}.csv', 'CSV', 'a Int8') SELECT x"),
        format!("INSERT INTO FUNCTION file('{name}.csv', 'CSV', 'a Int8') VALUES (1)"),
    ] {
        let reply = send("GET", &path(&[("query", &sql)]), &[], b"");
        let has_written = std::fs::remove_file(&file).is_ok();
        assert_eq!(reply.header("x-clickhouse-exception-code"), Some("164"), "{sql}: {}", reply.text());
        assert!(!has_written, "{sql}");
    }
    let wrong = send("GET", &path(&[("query", "SELEC 1")]), &[], b"");
    assert_eq!((wrong.status, wrong.header("x-clickhouse-exception-code")), (400, Some("62")));
    let widened = path(&[("query", "SELECT 1"), ("readonly", "0")]);
    assert_eq!(send("GET", &widened, &[], b"").status, 200);
}

#[test]
fn errors_have_code_status_and_text() {
    for (sql, status, code, text) in [
        ("SELECT nope", 404, "47", "(UNKNOWN_IDENTIFIER) (version "),
        ("SELECT * FROM nope", 404, "60", "(UNKNOWN_TABLE)"),
        ("SELEC 1", 400, "62", "(SYNTAX_ERROR)"),
        ("SELECT 1; SELECT 2", 400, "62", "Multi-statements"),
        ("SELECT throwIf(1)", 500, "395", "throwIf"),
        ("SELECT 1 FORMAT Nope", 404, "73", "Unknown format"),
        ("INSERT INTO nope FORMAT CSV\n1", 404, "60", "(UNKNOWN_TABLE)"),
        ("INSERT INTO system.one SELECT * FROM input('a Int8') FORMAT CSV\n1", 500, "", "DB::Exception"),
    ] {
        let reply = send("POST", "/", &[], sql.as_bytes());
        let found = reply.header("x-clickhouse-exception-code").unwrap_or_default();
        assert!(reply.text().contains(text), "{sql}: {}", reply.text());
        if !code.is_empty() {
            assert_eq!((reply.status, found), (status, code), "{sql}: {}", reply.text());
        }
    }
    let large = [b"SELECT '".as_slice(), &vec![b'x'; 300_000], b"'"].concat();
    assert!(send("POST", "/", &[], &large).text().contains("max_query_size"));
    let packed = send("POST", "/", &["Content-Encoding: gzip"], b"x");
    assert_eq!((packed.status, packed.header("x-clickhouse-exception-code")), (501, Some("89")));
}

#[test]
fn an_error_behind_the_first_rows_is_marked() {
    let sql = "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_threads = 1";
    let reply = send("POST", "/", &[], sql.as_bytes());
    let tag = reply.header("x-clickhouse-exception-tag").unwrap().to_owned();
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("Code: 395."), "no error behind the rows");
    assert!(reply.text().ends_with(&format!(" {tag}\r\n__exception__\r\n")));
    let whole = send("POST", &path(&[("wait_end_of_query", "1")]), &[], sql.as_bytes());
    assert_eq!((whole.status, whole.header("x-clickhouse-exception-code")), (500, Some("395")));
}

#[test]
fn large_results_come_piece_by_piece_or_are_refused() {
    let sql = "SELECT number FROM numbers(20000000)";
    let rows = send("POST", &path(&[("default_format", "RowBinaryWithNamesAndTypes")]), &[], sql.as_bytes());
    let names = b"\x01\x06number\x06UInt64";
    assert!(rows.body.starts_with(names));
    assert_eq!(rows.body.len(), names.len() + 20_000_000 * 8);
    assert!(rows.body[names.len()..].chunks(8).zip(0_u64..).all(|(row, number)| row == number.to_le_bytes()));
    let whole = send("POST", &path(&[("default_format", "JSON")]), &[], sql.as_bytes());
    assert_eq!(whole.header("x-clickhouse-exception-code"), Some("396"), "{}", whole.status);
}

#[test]
fn framed_formats_come_whole() {
    let json = run("SELECT number FROM numbers(200000) FORMAT JSON");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rows"], 200_000);
    let array = run(
        "SELECT number FROM numbers(200000) FORMAT JSONEachRow SETTINGS output_format_json_array_of_rows = 1",
    );
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&array).unwrap().len(), 200_000);
    assert_eq!(run("SELECT number FROM numbers(200000) FORMAT CSVWithNames").lines().count(), 200_001);
}

#[test]
fn a_body_that_breaks_off_inserts_nothing() {
    let name = database("broken_off");
    run(&format!("CREATE TABLE {name}.t (a Int8) ENGINE = MergeTree ORDER BY a"));
    let insert = format!("INSERT INTO {name}.t FORMAT CSV");
    let mut stream = raw::open();
    stream.write_all(raw::head("POST", &path(&[("query", &insert)]), &[], 100).as_bytes()).unwrap();
    stream.write_all(b"1\n2\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    assert_eq!(run(&format!("SELECT count() FROM {name}.t")), "0\n");
}

#[test]
fn data_that_cannot_be_read_insert_nothing() {
    let name = database("bad_data");
    run(&format!("CREATE TABLE {name}.t (a Int8, b String) ENGINE = MergeTree ORDER BY a"));
    for (format, data, code) in [
        ("CSV", &b"1,x\nfoo\n"[..], "27"),
        ("RowBinary", b"\x01\x05ab", "33"),
        ("Native", b"\x02\x01\x01a\x04Int8\x01", ""),
    ] {
        let insert = format!("INSERT INTO {name}.t FORMAT {format}");
        let reply = send("POST", &path(&[("query", &insert)]), &[], data);
        assert_ne!(reply.status, 200, "{format}");
        if !code.is_empty() {
            assert_eq!(
                (reply.status, reply.header("x-clickhouse-exception-code")),
                (400, Some(code)),
                "{}",
                reply.text()
            );
        }
    }
    assert_eq!(run(&format!("SELECT count() FROM {name}.t")), "0\n");
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_lost() {
    let name = database("full_disk");
    run(&format!("CREATE TABLE {name}.t (a UInt64) ENGINE = MergeTree ORDER BY a"));
    run(&format!("INSERT INTO {name}.t SELECT number FROM numbers(1000)"));
    // For the engine the disk is full when less than this would be left.
    let insert = format!("INSERT INTO {name}.t FORMAT CSV");
    let full = path(&[("query", &insert), ("min_free_disk_bytes_to_perform_insert", "1000000000000000")]);
    let reply = send("POST", &full, &[], b"1\n2\n");
    assert_eq!(
        (reply.status, reply.header("x-clickhouse-exception-code")),
        (500, Some("243")),
        "{}",
        reply.text()
    );
    assert_eq!(run(&format!("SELECT count() FROM {name}.t")), "1000\n");
    assert_eq!(send("POST", &path(&[("query", &insert)]), &[], b"1\n2\n").status, 200);
    assert_eq!(run(&format!("SELECT count() FROM {name}.t")), "1002\n");
}

#[test]
fn web_pages_of_others_are_turned_away() {
    for header in [
        "Origin: https://example.com",
        "Origin: null",
        "Host: rebound.example.com",
        "Host: 127.0.0.1.example.com:80",
    ] {
        assert_eq!(send("POST", "/", &[header], b"SELECT 1").status, 403, "{header}");
    }
    for header in ["Origin: http://localhost:3000", "Host: localhost:8123", "Host: 127.0.0.1"] {
        assert_eq!(send("POST", "/", &[header], b"SELECT 1").status, 200, "{header}");
    }
}
