//! The laws of every sink, over the real engine.

use std::cell::RefCell;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use sink::SinkLimits;
use sink::harness::{Contents, Injected, Subject, check};
use sink_clickhouse::{ClickHouse, Config, Database};

use crate::proxy::Proxy;
use crate::{done, fresh};

/// What lies in the database, by the views people ask. Places on `decisions` belong to the delivery, not to the meaning.
const LOOKS: [(&str, &str); 8] = [
    ("decision", "SELECT partition, sequence, * EXCEPT (decisions_offset, recorded_at) FROM decisions"),
    ("order", "SELECT order_id, partition, * FROM order_state"),
    ("listing", "SELECT partition, sku, * FROM listings"),
    ("rolled up orders", "SELECT minute, kind, * FROM orders_per_minute"),
    ("rolled up lines", "SELECT minute, sku, * FROM skus_per_minute"),
    ("stock", "SELECT partition, sku, * FROM stock"),
    ("stock by minute", "SELECT minute, sku, * FROM stock_per_minute"),
    ("revenue", "SELECT currency, '', * FROM revenue"),
];

/// Bytes as in the harness's own limits, and waits.
const LIMITS: SinkLimits = SinkLimits {
    read_records_max: 50,
    read_bytes_max: 16 * 1_024,
    held_bytes_max: 96 * 1_024,
    flush_bytes_target: 48 * 1_024,
    flush_rows_target: 100,
    flush_wait: Duration::from_millis(50),
    call_timeout: Duration::from_secs(60),
    backoff_min: Duration::from_millis(1),
    backoff_max: Duration::from_millis(10),
    drain_timeout: Duration::from_secs(60),
    heartbeat_interval: Duration::from_millis(50),
};

struct Engine {
    proxy: Rc<Proxy>,
    config: RefCell<Option<Config>>,
}

impl Subject for Engine {
    type Target = ClickHouse;

    fn name(&self) -> String {
        "clickhouse (embedded engine)".to_owned()
    }

    async fn fresh(&mut self) {
        self.proxy.inject(None);
        let last = self.config.borrow_mut().take();
        if let Some(last) = last {
            done(&last).await;
        }
        *self.config.borrow_mut() = Some(fresh("laws").await);
    }

    async fn open(&self) -> ClickHouse {
        let config = self.config.borrow().clone().unwrap();
        ClickHouse::new(&Config { url: self.proxy.url(), ..config })
    }

    async fn contents(&self) -> Contents {
        let config = self.config.borrow().clone().unwrap();
        let mut contents = Contents::new();
        for (name, sql) in LOOKS {
            let client = Database::new(&config).client();
            let mut cursor = client.query_raw(&format!("{sql} ORDER BY ALL")).fetch_bytes("TSV").unwrap();
            let answer = cursor.collect().await.unwrap();
            for (number, row) in String::from_utf8_lossy(&answer).lines().enumerate() {
                contents.insert(format!("{name} {number:06}"), row.to_owned());
            }
        }
        contents
    }

    fn inject(&self, fault: Option<Injected>) -> bool {
        self.proxy.inject(fault);
        // The sink itself refuses what can be no row; the engine refuses none. See `rows`.
        fault != Some(Injected::Refuse)
    }

    // A flush is seven statements, whether of ten rows or of ten thousand: fewer and larger ones than other sinks have.
    fn commands(&self) -> u64 {
        150
    }

    fn limits(&self) -> SinkLimits {
        LIMITS
    }
}

#[tokio::test]
async fn every_law_of_a_sink_is_kept() {
    let proxy = Rc::new(Proxy::start(crate::url()));
    let report = check(Engine { proxy, config: RefCell::new(None) }).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&["what_is_refused_is_a_dead_letter"]);
}
