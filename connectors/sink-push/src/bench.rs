//! How many notices a second reach a mail server on this machine: from decisions to mails taken, claims in memory.

use std::time::{Duration, Instant};

use order_model::{
    Currency, CustomerId, DecidedLine, DecidedLines, Decision, Event, LineState, Offset, OrderEvent,
    OrderEventKind, OrderId, Partition, Sequence, SkuError, TimeMs,
};
use sink::{Arrival, Batch, Fault, Target};

use crate::channels::email::{EmailChannel, EmailError, EmailOptions, Security};
use crate::stand_in::SmtpServer;
use crate::{
    Address, ClaimState, Contact, MemoryClaims, MemoryContacts, Parts, PushSink, Shop, SigningKeys,
    TemplateError, Templates, system_clock,
};

/// Decisions written at once.
const BATCH_DECISIONS: u64 = 1_000;
/// How far writing may run ahead of sending, in notices: no more than the queue holds.
const AHEAD_NOTICES_MAX: u64 = 2_000;
/// When a run that does not get on is given up, in seconds.
const RUN_SECONDS_MAX: u64 = 120;
/// Longest wait for a look at the counter, in milliseconds.
const LOOK_MS: u64 = 1;

/// What a run measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NoticesMeasured {
    /// Notices sent.
    pub notices: u64,
    /// From the first decision to the last mail taken.
    pub elapsed: Duration,
    /// Connections the sink made.
    pub connections: u64,
}

impl NoticesMeasured {
    /// Notices a second.
    pub fn per_second(&self) -> f64 {
        let notices = u32::try_from(self.notices).map_or(f64::INFINITY, f64::from);
        notices / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The mail server did not start.
    #[error("the mail server on loopback did not start: {0}")]
    Server(#[from] std::io::Error),
    /// The sink could not be made.
    #[error(transparent)]
    Templates(#[from] TemplateError),
    /// The sink could not be made.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The sink could not be made.
    #[error(transparent)]
    Key(#[from] crate::KeyError),
    /// The SKU of the run is none.
    #[error(transparent)]
    Sku(#[from] SkuError),
    /// The sink did not take decisions.
    #[error("the sink did not take decisions: {0}")]
    Fault(#[from] Fault),
    /// What arrived is not what was sent.
    #[error("of {sent} notices {arrived} arrived, {twice} of them twice")]
    Differs {
        /// Decided.
        sent: u64,
        /// Taken by the server.
        arrived: u64,
        /// Taken more than once.
        twice: u64,
    },
}

/// Sends so many e-mails to a server in a thread of its own, over so many connections, and checks that each arrived once.
pub async fn measure(notices: u64, connections: usize) -> Result<NoticesMeasured, BenchError> {
    let server = SmtpServer::start_counting()?;
    let mut options =
        EmailOptions::new("127.0.0.1", server.port(), Security::None, "Shop <orders@shop.example>");
    options.connections = connections;
    let keys = SigningKeys::new(&[7; 32], None)?;
    let contact = |customer: CustomerId| Contact {
        locale: "en".to_owned(),
        addresses: vec![Address::Email(format!("customer-{customer}@example.org"))],
        muted: Vec::new(),
    };
    let mut sink = PushSink::start(Parts {
        claims: MemoryClaims::default(),
        contacts: MemoryContacts::with_otherwise(move |customer| Some(contact(customer))),
        templates: Templates::built_in()?,
        shop: Shop {
            name: "Shop".to_owned(),
            order_page: Some("https://shop.example/orders/{order}".to_owned()),
            sku_page: None,
            unsubscribe: Some(("https://shop.example/unsubscribe?token=".to_owned(), keys)),
        },
        channels: vec![Box::new(EmailChannel::new(options)?)],
        clock: system_clock(),
    });
    let courier = sink.courier();
    let now = system_clock()();
    let started = Instant::now();
    let given_up = Duration::from_secs(RUN_SECONDS_MAX);
    let mut written = 0;
    while written < notices {
        let some = BATCH_DECISIONS.min(notices - written);
        sink.write(&[batch(written, some, now)?]).await?;
        written += some;
        while written - server.counted().0.min(written) > AHEAD_NOTICES_MAX && started.elapsed() < given_up {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }
    while server.counted().0 < notices && started.elapsed() < given_up {
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
    let elapsed = started.elapsed();
    let (arrived, twice) = server.counted();
    let settled = courier.delivered(given_up).await;
    let sent = u64::try_from(courier.claims().count(ClaimState::Sent)).unwrap_or(0);
    if !settled || arrived != notices || twice != 0 || sent != notices {
        return Err(BenchError::Differs { sent: notices, arrived, twice });
    }
    Ok(NoticesMeasured { notices, elapsed, connections: server.connections() })
}

fn batch(from: u64, count: u64, now: TimeMs) -> Result<Batch, SkuError> {
    let sku = "LAMP-1".parse()?;
    let arrivals = (from..from + count).map(|number| Arrival {
        offset: Offset(number),
        time: now,
        decision: Decision {
            partition: Partition(0),
            sequence: Sequence(number + 1),
            offset: Offset(number),
            time: now,
            event: Event::Order(OrderEvent {
                kind: OrderEventKind::Paid,
                reason: None,
                order: OrderId::from(u128::from(number) + 1),
                customer: CustomerId::from(u128::from(number) + 1),
                currency: Currency::EUR,
                total: 1_999,
                tax: 319,
                deadline: TimeMs(0),
                payment: None,
                lines: DecidedLines::from_elem(
                    DecidedLine { sku, quantity: 1, state: LineState::Taken, unit_price: 1_999, stock: None },
                    1,
                ),
            }),
        },
    });
    Ok(Batch { partition: Partition(0), follows: Sequence(from), arrivals: arrivals.collect() })
}
