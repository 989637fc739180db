//! Orders as the board remembers them, and who follows them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use order_model::{CustomerId, OrderId};
use tokio::sync::mpsc;

use super::feed::{EventId, Followed, OrderNews, is_end, is_part, may_begin};
use crate::limits::BoardLimits;

/// What is remembered of an order: its first decision and the latest ones. Of an order that was forgotten while it was
/// open, those since then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remembered {
    news: Vec<Arc<OrderNews>>,
    is_whole: bool,
}

impl Remembered {
    /// Its decisions, oldest first.
    pub fn news(&self) -> &[Arc<OrderNews>] {
        &self.news
    }

    /// Its first decision that is known: what was asked for.
    pub fn first(&self) -> Option<&Arc<OrderNews>> {
        self.news.first()
    }

    /// Where its placing lies in its partition, if that is known.
    pub fn offset(&self) -> Option<u64> {
        self.first().filter(|_| self.is_whole).map(|first| first.offset.0)
    }

    /// The decision that says how it stands.
    pub fn latest(&self) -> Option<&Arc<OrderNews>> {
        self.news.iter().rev().find(|news| !news.is_aside())
    }

    /// The decision that answered its placing, if there is one; if it is forgotten, the one that says how it stands.
    pub fn answer(&self) -> Option<&Arc<OrderNews>> {
        let answer = self.news.iter().find(|news| news.is_first_answer());
        answer.or_else(|| self.latest().filter(|_| !self.is_whole))
    }

    /// Whose it is.
    pub fn customer(&self) -> Option<CustomerId> {
        self.first().map(|news| news.event.customer)
    }
}

type Reader = mpsc::Sender<Arc<OrderNews>>;

#[derive(Default)]
struct Entry {
    news: Vec<Arc<OrderNews>>,
    /// Whether its news begin with what answered its placing.
    is_whole: bool,
    readers: Vec<Reader>,
}

/// The ids that came last.
#[derive(Default)]
struct Ids {
    all: HashSet<OrderId>,
    by_age: VecDeque<OrderId>,
}

impl Ids {
    fn insert(&mut self, order: OrderId, most: usize) {
        if self.all.insert(order) {
            self.by_age.push_back(order);
        }
        while self.by_age.len() > most {
            let Some(oldest) = self.by_age.pop_front() else { return };
            self.all.remove(&oldest);
        }
    }

    /// Whether it was there. Its place in the line goes when its turn comes.
    fn remove(&mut self, order: OrderId) -> bool {
        self.all.remove(&order)
    }
}

pub(super) struct Orders {
    entries: HashMap<OrderId, Entry>,
    by_customer: HashMap<CustomerId, VecDeque<OrderId>>,
    /// In the order they came; may name orders that are forgotten.
    arrived: VecDeque<OrderId>,
    /// In the order they ended.
    ended: VecDeque<OrderId>,
    /// Who follows an order that no decision has named.
    expected: HashMap<OrderId, Vec<Reader>>,
    forgotten: u64,
    /// Those forgotten last that were open: more may come of them.
    left_open: Ids,
    limits: BoardLimits,
}

impl Orders {
    pub(super) fn new(limits: BoardLimits) -> Self {
        Self {
            entries: HashMap::new(),
            by_customer: HashMap::new(),
            arrived: VecDeque::new(),
            ended: VecDeque::new(),
            expected: HashMap::new(),
            forgotten: 0,
            left_open: Ids::default(),
            limits,
        }
    }

    pub(super) fn remembers_all(&self) -> bool {
        self.forgotten == 0
    }

    /// Takes in the next decision about an order.
    pub(super) fn apply(&mut self, news: OrderNews) {
        let kind = news.event.kind;
        if is_part(kind) {
            return;
        }
        let (order, news) = (news.event.order, Arc::new(news));
        let Some(entry) = self.entries.get_mut(&order) else {
            let readers = self.expected.remove(&order).unwrap_or_default();
            return self.begin(order, news, readers);
        };
        tell(&mut entry.readers, &news);
        if entry.news.len() >= self.limits.order_events_max.max(2) {
            // The first one says what was asked for.
            entry.news.remove(1);
        }
        entry.news.push(news);
        if is_end(kind) {
            self.ended.push_back(order);
        }
    }

    fn begin(&mut self, order: OrderId, news: Arc<OrderNews>, mut readers: Vec<Reader>) {
        tell(&mut readers, &news);
        if news.is_aside() {
            // The ledger does not know it (any more): there is nothing to remember.
            if !readers.is_empty() {
                self.expected.insert(order, readers);
            }
            return;
        }
        if is_end(news.event.kind) {
            self.ended.push_back(order);
        }
        self.arrived.push_back(order);
        self.by_customer.entry(news.event.customer).or_default().push_back(order);
        let is_whole = !self.left_open.remove(order) && may_begin(news.event.kind);
        self.entries.insert(order, Entry { news: vec![news], is_whole, readers });
        while self.entries.len() > self.limits.orders_max {
            let Some(oldest) = self.ended.pop_front().or_else(|| self.arrived.pop_front()) else { return };
            self.forget(oldest);
        }
        if self.arrived.len() > self.limits.orders_max.saturating_mul(2) {
            self.arrived.retain(|order| self.entries.contains_key(order));
        }
    }

    fn forget(&mut self, order: OrderId) {
        let Some(entry) = self.entries.remove(&order) else { return };
        self.forgotten += 1;
        if entry.news.iter().all(|news| !is_end(news.event.kind)) {
            self.left_open.insert(order, self.limits.orders_max);
        }
        let Some(customer) = entry.news.first().map(|news| news.event.customer) else { return };
        if let Some(orders) = self.by_customer.get_mut(&customer) {
            // Whoever has many orders has the oldest forgotten first: it is near the beginning.
            if let Some(index) = orders.iter().position(|other| *other == order) {
                orders.remove(index);
            }
            if orders.is_empty() {
                self.by_customer.remove(&customer);
            }
        }
    }

    pub(super) fn remembered(&self, order: OrderId) -> Option<Remembered> {
        let Entry { news, is_whole, .. } = self.entries.get(&order)?;
        Some(Remembered { news: news.clone(), is_whole: *is_whole })
    }

    pub(super) fn of_customer(
        &self,
        customer: CustomerId,
        after: Option<OrderId>,
        count: usize,
    ) -> Vec<Remembered> {
        let Some(orders) = self.by_customer.get(&customer) else { return Vec::new() };
        let skip = after.and_then(|after| orders.iter().rev().position(|order| *order == after));
        let from = skip.map_or(0, |index| index + 1);
        orders.iter().rev().skip(from).take(count).filter_map(|order| self.remembered(*order)).collect()
    }

    pub(super) fn follow(&mut self, order: OrderId, after: Option<EventId>) -> Option<Followed> {
        let (readers, news) = match self.entries.get_mut(&order) {
            Some(entry) => (&mut entry.readers, entry.news.as_slice()),
            None => (self.expected.entry(order).or_default(), &[][..]),
        };
        readers.retain(|reader| !reader.is_closed());
        if readers.len() >= self.limits.order_readers_max {
            return None;
        }
        let (sender, receiver) = mpsc::channel(self.limits.feed_events_max.max(1));
        readers.push(sender);
        let is_after = |news: &&Arc<OrderNews>| after.is_none_or(|after| !news.id.is_by(after));
        Some((news.iter().filter(is_after).cloned().collect(), receiver))
    }

    /// Lets go of those who followed in vain and have gone.
    pub(super) fn sweep(&mut self) {
        self.expected.retain(|_, readers| {
            readers.retain(|reader| !reader.is_closed());
            !readers.is_empty()
        });
    }

    pub(super) fn end_feeds(&mut self) {
        self.expected.clear();
        for entry in self.entries.values_mut() {
            entry.readers.clear();
        }
    }
}

/// Hands it to all; whoever has gone, or does not keep up, is let go of.
fn tell(readers: &mut Vec<Reader>, news: &Arc<OrderNews>) {
    readers.retain(|reader| reader.try_send(Arc::clone(news)).is_ok());
}

#[cfg(test)]
mod tests {
    use order_model::{Currency, Offset, OrderEvent, OrderEventKind, Partition, Sequence, TimeMs};

    use super::*;

    fn news(order: u128, sequence: u64, kind: OrderEventKind) -> OrderNews {
        OrderNews {
            id: EventId { partition: Partition(1), sequence: Sequence(sequence) },
            offset: Offset(sequence),
            time: TimeMs(sequence),
            event: OrderEvent {
                kind,
                reason: None,
                order: order.into(),
                customer: (order % 3).into(),
                currency: Currency::EUR,
                total: 0,
                tax: 0,
                deadline: TimeMs(0),
                payment: None,
                lines: Default::default(),
            },
        }
    }

    fn orders(orders_max: usize, order_events_max: usize) -> Orders {
        let limits = BoardLimits {
            orders_max,
            order_events_max,
            feed_events_max: 2,
            order_readers_max: 2,
            ..BoardLimits::default()
        };
        Orders::new(limits)
    }

    #[test]
    fn ended_orders_are_forgotten_first_then_the_oldest() {
        let mut orders = orders(3, 8);
        for order in 0..3 {
            orders.apply(news(order, 1, OrderEventKind::Held));
        }
        orders.apply(news(1, 2, OrderEventKind::Paid));
        assert!(orders.remembers_all());
        orders.apply(news(3, 3, OrderEventKind::Held));
        let known = |orders: &Orders| {
            (0..6_u128).filter(|order| orders.remembered((*order).into()).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(known(&orders), [0, 2, 3]);
        orders.apply(news(4, 4, OrderEventKind::Held));
        assert_eq!(known(&orders), [2, 3, 4]);
        assert!(!orders.remembers_all());
        assert!(orders.of_customer(1.into(), None, 9).len() == 1, "4 is theirs, 1 is forgotten");
        for round in 0..1_000_u64 {
            orders.apply(news(10 + u128::from(round), round, OrderEventKind::Rejected));
        }
        assert!(orders.arrived.len() <= 7 && orders.ended.len() <= 4 && orders.by_customer.len() <= 3);
    }

    #[test]
    fn who_was_forgotten_while_open_says_no_more_than_is_known() {
        let mut orders = orders(2, 8);
        let offset = |orders: &Orders| orders.remembered(0.into()).unwrap().offset();
        orders.apply(news(0, 1, OrderEventKind::Waiting));
        assert_eq!(offset(&orders), Some(1));
        for order in 1..3 {
            orders.apply(news(order, 2, OrderEventKind::Held));
        }
        assert_eq!(orders.remembered(0.into()), None);
        orders.apply(news(0, 3, OrderEventKind::Held));
        assert_eq!(offset(&orders), None, "another record let it move up");
        for order in 1..3 {
            orders.apply(news(order, 4, OrderEventKind::Paid));
        }
        orders.apply(news(9, 5, OrderEventKind::Paid));
        let nine = orders.remembered(9.into());
        assert_eq!(
            nine.map(|nine| (nine.offset(), nine.answer().map(|news| news.id.sequence.0))),
            Some((None, Some(5)))
        );
    }

    #[test]
    fn an_order_keeps_its_first_and_its_latest_decisions() {
        let mut orders = orders(3, 4);
        for sequence in 1..=9 {
            orders.apply(news(0, sequence, OrderEventKind::Extended));
        }
        let remembered = orders.remembered(0.into()).unwrap();
        let numbers: Vec<_> = remembered.news().iter().map(|news| news.id.sequence.0).collect();
        assert_eq!(numbers, [1, 7, 8, 9]);
    }

    #[test]
    fn who_does_not_keep_up_is_cut_and_who_comes_back_misses_nothing() {
        let mut orders = orders(3, 8);
        let (before, mut reader) = orders.follow(0.into(), None).unwrap();
        assert!(before.is_empty());
        for sequence in 1..=3 {
            orders.apply(news(0, sequence, OrderEventKind::Extended));
        }
        let mut got = Vec::new();
        while let Ok(news) = reader.try_recv() {
            got.push(news.id);
        }
        assert!(reader.is_closed() && got.len() == 2, "two fit, the third cut it off");
        let (missed, _reader) = orders.follow(0.into(), got.last().copied()).unwrap();
        assert_eq!(missed.iter().map(|news| news.id.sequence.0).collect::<Vec<_>>(), [3]);
        let elsewhere = EventId { partition: Partition(9), sequence: Sequence(99) };
        assert_eq!(
            orders.follow(0.into(), Some(elsewhere)).unwrap().0.len(),
            3,
            "an id of elsewhere starts anew"
        );
    }

    #[test]
    fn readers_are_counted_and_those_in_vain_swept() {
        let mut orders = orders(3, 8);
        let first = orders.follow(5.into(), None).unwrap();
        let _second = orders.follow(5.into(), None).unwrap();
        assert!(orders.follow(5.into(), None).is_none());
        drop(first);
        let third = orders.follow(5.into(), None);
        assert!(third.is_some());
        drop(orders.follow(6.into(), None));
        orders.sweep();
        assert_eq!(orders.expected.len(), 1);
    }

    #[test]
    fn pages_go_from_new_to_old() {
        let mut orders = orders(100, 8);
        for order in 0..30 {
            orders.apply(news(order, 1, OrderEventKind::Held));
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = orders.of_customer(0.into(), after, 4);
            let Some(last) = page.last() else { break };
            after = last.first().map(|news| news.event.order);
            seen.extend(page.iter().map(|order| u128::from_be_bytes(order.first().unwrap().event.order.0)));
        }
        assert_eq!(seen, (0..30).rev().step_by(3).map(|order| order - order % 3).collect::<Vec<u128>>());
    }
}
