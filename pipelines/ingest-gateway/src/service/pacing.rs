//! How often one customer and one address may ask.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use order_model::CustomerId;

use super::refusal::Refusal;
use crate::limits::ServiceLimits;

/// Counts requests. What nobody uses any more is forgotten by [`Self::sweep`].
pub struct Pacing {
    customers: DefaultKeyedRateLimiter<CustomerId>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Pacing {
    pub(super) fn new(limits: &ServiceLimits) -> Self {
        let quota = |per_second: u32, burst: u32| {
            let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
        };
        let customers = quota(limits.customer_per_second_max, limits.customer_burst_max);
        let addresses = quota(limits.address_per_second_max, limits.address_burst_max);
        Self {
            customers: RateLimiter::keyed(customers),
            addresses: RateLimiter::keyed(addresses),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one command of a customer.
    pub fn customer(&self, customer: CustomerId) -> Result<(), Refusal> {
        self.customers.check_key(&customer).map_err(|until| self.too_often(&until))
    }

    /// Counts one request of an address. Of IPv6, what counts is the network of 64 bits, which one household has.
    pub fn address(&self, address: IpAddr) -> Result<(), Refusal> {
        self.addresses.check_key(&network(address)).map_err(|until| self.too_often(&until))
    }

    fn too_often(
        &self,
        until: &governor::NotUntil<<DefaultClock as governor::clock::Clock>::Instant>,
    ) -> Refusal {
        let wait = until.wait_time_from(self.clock.now());
        Refusal::TooOften { retry_after_seconds: wait.as_secs().saturating_add(1) }
    }

    /// Forgets who has not asked for long.
    pub fn sweep(&self) {
        self.customers.retain_recent();
        self.addresses.retain_recent();
        self.customers.shrink_to_fit();
        self.addresses.shrink_to_fit();
    }
}

/// What counts as one address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_too_often_and_the_others_do_not_feel_it() {
        let limits = ServiceLimits {
            customer_burst_max: 3,
            customer_per_second_max: 1,
            address_burst_max: 2,
            address_per_second_max: 1,
            ..ServiceLimits::default()
        };
        let pacing = Pacing::new(&limits);
        for _ in 0..3 {
            assert_eq!(pacing.customer(1.into()), Ok(()));
        }
        // However slowly one asks, there is soon too little of what the clock gives back: one each second.
        let begun = std::time::Instant::now();
        let (allowed, refused) =
            (0..).find_map(|number| Some((number, pacing.customer(1.into()).err()?))).unwrap();
        assert!(allowed <= begun.elapsed().as_secs() + 1, "{allowed}");
        assert!(matches!(refused, Refusal::TooOften { retry_after_seconds: 1..=2 }), "{refused:?}");
        assert_eq!(pacing.customer(2.into()), Ok(()));
        let address = |number: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number));
        assert!(pacing.address(address(1)).is_ok() && pacing.address(address(2)).is_ok());
        assert!((3..1_000).any(|number| pacing.address(address(number)).is_err()), "one network");
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1".parse::<IpAddr>().unwrap());
        pacing.sweep();
    }
}
