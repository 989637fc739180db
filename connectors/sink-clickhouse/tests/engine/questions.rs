//! The ten questions of `schemas/clickhouse/QUESTIONS.md`, asked as they stand there, over the small sale.

use sink_clickhouse::ClickHouse;

use crate::sale::small_sale;
use crate::{ask, bring, done, fresh};

const PAGE: &str = include_str!("../../../../schemas/clickhouse/QUESTIONS.md");

const ANSWERS: [&[&str]; 10] = [
    // a 5,000, c 20,000, e 13,000, g 11,000, i 11,000; b paid too late.
    &["EUR | 5 | 60000 | 9578 | 50422 | 1 | 20000"],
    // e and g name two listings each; g and i those of two sales.
    &["books | 3 | 3 | 2 | 66.7", "friday | 8 | 6 | 5 | 62.5"],
    &[
        "atlas | 10 | 2 | 3 | 2 | 0.67 | \\N | \\N",
        "chair | 5 | 3 | 3 | 3 | 1 | \\N | \\N",
        "desk | 1 | 1 | 2 | 1 | 0.5 | 2 | 90",
        "lamp | 2 | 2 | 4 | 2 | 0.5 | 5 | 60",
    ],
    &["stock_short | friday | lamp | 2 | 4", "listing_unknown |  | ghost | 1 | 1"],
    &["2026-11-27 08:00:00 | 8 | 5 | 2", "2026-11-27 08:01:00 | 4 | 2 | 3"],
    &[
        "desk | 2 | 1 | 1 | 50 | 1",
        "atlas | 3 | 2 | 0 | 0 | 0",
        "chair | 3 | 3 | 0 | 0 | 0",
        "lamp | 2 | 2 | 0 | 0 | 0",
    ],
    &["desk | 1 | 0 | 1 | 0 | 59"],
    &[
        "00000000-0000-0000-0000-000000000067 | 1 | 20000 | 2026-11-27 08:00:03.000",
        "00000000-0000-0000-0000-000000000065 | 2 | 16000 | 2026-11-27 08:00:01.000",
        "00000000-0000-0000-0000-000000000069 | 1 | 13000 | 2026-11-27 08:00:05.000",
        "00000000-0000-0000-0000-00000000006c | 1 | 11000 | 2026-11-27 08:01:40.000",
    ],
    &["atlas | 2", "lamp | 1"],
    // Ledger 0 has reached 96 s: i, held at 100 s by ledger 1, is not in it, nor what ledger 0 decided last.
    &["2026-11-27 08:01:36.000 | 49000 | 6 | 12"],
];

/// The statements of the page, by their numbers.
fn questions() -> Vec<String> {
    let sections = PAGE.split("\n## ").skip(1).enumerate().map(|(index, section)| {
        assert!(section.starts_with(&format!("{}. ", index + 1)), "{section}");
        let (_, rest) = section.split_once("```sql\n").unwrap();
        let (sql, rest) = rest.split_once("```").unwrap();
        assert!(!rest.contains("```"), "one statement a question: {section}");
        sql.to_owned()
    });
    sections.collect()
}

#[tokio::test]
async fn ten_questions_are_answered() {
    let config = fresh("questions").await;
    let mut target = ClickHouse::new(&config);
    let [home, other] = small_sale().map(|ledger| ledger.batch());
    bring(&mut target, &[home, other]).await;
    let questions = questions();
    assert_eq!(questions.len(), ANSWERS.len());
    for (number, (question, expected)) in (1..).zip(questions.iter().zip(ANSWERS)) {
        assert_eq!(ask(&config, question).await, expected, "question {number}");
    }
    done(&config).await;
}
