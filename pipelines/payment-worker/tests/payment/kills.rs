//! A worker that dies at every point of its work, in a process of its own: what the provider took is what the log sold
//! and gave back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use order_log::{EmbeddedLog, EmbeddedOptions, Log};
use order_model::OrderEventKind;
use payment_worker::{Moment, PaymentWorker, SandboxFaults, sandbox_router};

use crate::http::{LOST_AFTER, Server, provider};
use crate::shop::{PATIENCE, Shop, options, sandbox};

const FOLDER: &str = "PAYMENT_TEST_FOLDER";
const ADDRESS: &str = "PAYMENT_TEST_ADDRESS";
const DIES_AT: &str = "PAYMENT_TEST_DIES_AT";
const ORDERS: usize = 60;
/// In the one partition no hold falls due, so that something is sold however late a life comes to it.
const HOLDS_MS: [u64; 2] = [600_000, 3_000];
/// Most lives of one run.
const LIVES_MAX: u64 = 200;

fn open(folder: &Path) -> Arc<dyn Log> {
    Arc::new(EmbeddedLog::open(folder, EmbeddedOptions::default()).unwrap())
}

/// One life of the worker: does nothing unless a parent started it as a child.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let address = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let dies_at: u64 = std::env::var(DIES_AT).unwrap().parse().unwrap();
    let mut shop = Shop::on(open(Path::new(&folder)), HOLDS_MS);
    shop.decide();
    let mut parts = shop.parts();
    let moments = AtomicU64::new(0);
    parts.observer = Arc::new(move |moment| {
        let counts = !matches!(moment, Moment::Assigned(_) | Moment::Restored(_) | Moment::Released(_));
        if counts && moments.fetch_add(1, Ordering::Relaxed) + 1 == dies_at {
            std::process::abort();
        }
    });
    let mut options = options();
    // Few at once, so that it takes a while.
    options.limits.calls_max = 3;
    let handle = PaymentWorker::start(&parts, &options, provider(address, "sk_test", LOST_AFTER)).unwrap();
    shop.settled(ORDERS, &handle);
    handle.drain().unwrap();
    shop.stop_deciding();
}

/// Runs one life; whether it ended well.
fn live(folder: &Path, server: &Server, dies_at: u64, kill_after: Option<Duration>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(ADDRESS, server.address.to_string())
        .env(DIES_AT, dies_at.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + kill_after.unwrap_or(PATIENCE);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if Instant::now() >= deadline {
            assert!(kill_after.is_some(), "a life without an end");
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn run(seed: u64, kills: impl Fn(u64) -> (u64, Option<Duration>)) {
    let folder = tempfile::tempdir().unwrap();
    {
        let shop = Shop::on(open(folder.path()), HOLDS_MS);
        shop.list();
        shop.place(1..1 + u128::try_from(ORDERS).unwrap());
    }
    let faults = SandboxFaults {
        declined: 100,
        pending: 100,
        lost: 30,
        turned_away: 100,
        forgotten: 300,
        delay_ms: (8, 8),
        ..SandboxFaults::default()
    };
    let sandbox = sandbox(seed, faults);
    let server = Server::start(sandbox_router(sandbox.clone()));
    let mut lives = 0;
    loop {
        lives += 1;
        assert!(lives < LIVES_MAX, "it does not get on");
        let (dies_at, kill_after) = kills(lives);
        if live(folder.path(), &server, dies_at, kill_after) {
            break;
        }
    }
    assert!(lives > 4, "it died {} times", lives - 1);
    let shop = Shop::on(open(folder.path()), HOLDS_MS);
    let takings = shop.check(&sandbox);
    let paid = shop.count(OrderEventKind::Paid);
    assert!(takings.captures >= u64::try_from(paid).unwrap() && paid > 0, "{takings:?}, {paid} paid");
    server.stop();
}

#[test]
fn dying_at_any_moment_of_the_work_takes_nothing_twice_and_keeps_nothing() {
    // Every life begins with looking up what is open, so lives have to grow longer for something to get done.
    run(41, |life| (1 + life * 37 % (10 + life * 12), None));
    run(42, |life| (1 + life * 53 % (20 + life * 7), None));
}

#[test]
fn being_killed_at_any_time_takes_nothing_twice_and_keeps_nothing() {
    run(43, |life| match life {
        1..=12 => (u64::MAX, Some(Duration::from_millis(30 + life * 37 % 120))),
        _ => (u64::MAX, None),
    });
}
