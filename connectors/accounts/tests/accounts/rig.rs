//! Tables of one's own, a clock that stands until it is turned, and an outbox.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use accounts::*;
use order_model::{CustomerId, TimeMs};
use sink_push::Clock;
use tables::{Local, Table, TableOptions, Tables};

pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SECRET: [u8; 32] = [9; 32];
pub(crate) const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };

pub(crate) fn dynoxide() -> String {
    static LOCAL: OnceLock<Local> = OnceLock::new();
    LOCAL.get_or_init(|| Local::start().unwrap()).endpoint()
}

/// Everything a test needs.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) accounts: Accounts,
    pub(crate) carts: Carts,
    pub(crate) tables: Tables,
    pub(crate) outbox: LetterBox,
    time: Arc<AtomicU64>,
    options: TableOptions,
}

pub(crate) fn stationery() -> Stationery {
    Stationery {
        shop: "Shop".to_owned(),
        verify_url: "https://shop.example/verify?token=".to_owned(),
        reset_url: "https://shop.example/reset?token=".to_owned(),
        log_in_url: "https://shop.example/log-in".to_owned(),
    }
}

impl Rig {
    pub(crate) async fn start(endpoint: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("a{}-", NUMBER.fetch_add(1, Ordering::Relaxed));
        let options = TableOptions { prefix, ..TableOptions::local(endpoint) };
        let tables = Tables::connect(&options).await.unwrap();
        tables.create(&Accounts::TABLES).await.unwrap();
        // The beginning of 2100: an hour has just begun, so that no window of counted attempts ends where a test does not
        // mean it, and it is late enough that DynamoDB Local, which has a clock of its own, lets nothing expire.
        let time = Arc::new(AtomicU64::new(4_102_444_800_000));
        Self::over(options, time, LetterBox::in_memory(stationery()), CHEAP).await
    }

    /// Another gateway over the same tables and with the same clock.
    pub(crate) async fn another(&self) -> Self {
        self.another_at(CHEAP).await
    }

    /// Another one whose password hashes cost so much.
    pub(crate) async fn another_at(&self, cost: HashCost) -> Self {
        Self::over(self.options.clone(), Arc::clone(&self.time), self.outbox.clone(), cost).await
    }

    async fn over(options: TableOptions, time: Arc<AtomicU64>, outbox: LetterBox, cost: HashCost) -> Self {
        let tables = Tables::connect(&options).await.unwrap();
        let told = Arc::clone(&time);
        let clock: Clock = Arc::new(move || TimeMs(told.load(Ordering::Relaxed)));
        let account_options = AccountOptions { cost, hashes_at_once: 4, clock: Arc::clone(&clock) };
        let keys = TokenKeys::in_memory(SECRET);
        let postman = Arc::new(outbox.clone());
        let accounts = Accounts::open(tables.clone(), keys, postman, account_options).await.unwrap();
        let carts = Carts::open(tables.clone(), clock).await.unwrap();
        Self { accounts, carts, tables, outbox, time, options }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: u64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// The accounts as whoever runs the shop looks at them.
    pub(crate) async fn directory(&self) -> Directory {
        Directory::open(self.tables.clone()).await.unwrap()
    }

    pub(crate) async fn register(&self, address: &str, password: &str) {
        let registration = Registration::new(mail(address), password, "en").unwrap();
        self.accounts.register(registration, HOME).await.unwrap();
    }

    /// The newest letter to an address.
    pub(crate) async fn letter(&self, address: &str) -> Option<Letter> {
        self.accounts.letters_sent().await;
        let to = mail(address);
        self.outbox.letters().into_iter().rev().map(|kept| kept.letter).find(|letter| letter.to == to)
    }

    pub(crate) async fn letter_count(&self) -> usize {
        self.accounts.letters_sent().await;
        self.outbox.letters().len()
    }

    /// The token of the newest letter to an address, which must have one.
    pub(crate) async fn link(&self, address: &str) -> LinkToken {
        match self.letter(address).await.unwrap().kind {
            LetterKind::Verify { token } | LetterKind::Reset { token } => token,
            LetterKind::Taken => panic!("the letter has no link"),
        }
    }

    /// Somebody with a verified address.
    pub(crate) async fn customer(&self, address: &str, password: &str) -> CustomerId {
        self.register(address, password).await;
        match self.accounts.verify(&self.link(address).await, &secret(password)).await.unwrap() {
            Verified::Now(customer) => customer,
            Verified::Before(_) => panic!("verified before"),
        }
    }

    pub(crate) async fn log_in(&self, address: &str, password: &str) -> Result<Session, LogInError> {
        self.accounts.log_in(&mail(address), &secret(password), HOME).await
    }

    /// Every item of every table, as text.
    pub(crate) async fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        for table in Accounts::TABLES {
            found.extend(self.items(table).await.into_iter().map(|item| format!("{} {item}", table.name())));
        }
        found
    }

    pub(crate) async fn items(&self, table: Table) -> Vec<String> {
        let scan = self.tables.client().scan().table_name(self.tables.name(table)).consistent_read(true);
        let answer = scan.send().await.unwrap();
        assert!(answer.last_evaluated_key.is_none());
        let items = answer.items.unwrap_or_default().into_iter().map(BTreeMap::from_iter);
        items.map(|item| format!("{item:?}")).collect()
    }
}

pub(crate) fn mail(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub(crate) fn secret(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// Asserts what an error is, and that it shows nothing personal.
#[track_caller]
pub(crate) fn is_discreet(error: &impl std::error::Error) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains('@') && !shown.contains("pass word"), "{shown}");
}
