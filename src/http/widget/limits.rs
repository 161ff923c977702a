//! How often calls may be asked for: so many times within so long, by number, by address, by site. Pure: time is an argument.
//!
//! Kept in memory: a restart of the daemon begins to count anew. What a line itself allows a day (`per_day`) is counted by the store.

use crate::{
    config::{Limits, Rate},
    engine::{
        number::Number,
        time::{Mono, Span},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    sync::Arc,
};

/// How many numbers, and how many addresses, are remembered; past it the one that asked longest ago is forgotten.
const MOST_KEPT: usize = 20_000;
/// How often one address may look at settings and at how its request goes.
const LOOKS: Rate = Rate { times: 600, within: Span::minutes(1) };
/// How many bits of an IPv6 address are one visitor's network.
const NETWORK: u32 = 64;

/// Which limit is reached, and when there is room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// `number`, `address`, `site`.
    pub what: &'static str,
    /// In how long.
    pub again: Span,
}

/// What was asked of late on all sites.
#[derive(Debug, Default)]
pub struct Tally {
    numbers: Table<(Arc<str>, Number)>,
    addresses: Table<(Arc<str>, u128)>,
    sites: Table<Arc<str>>,
    looks: Table<u128>,
}

impl Tally {
    /// Somebody asks for a call, whatever comes of it.
    pub fn asked(&mut self, site: &Arc<str>, limits: &Limits, from: IpAddr, now: Mono) -> Result<(), Full> {
        self.addresses
            .take((site.clone(), network(from)), limits.address, now)
            .map_err(|again| Full { what: "address", again })
    }

    /// A call to this number would be made: counts it, unless the number or the site has had enough.
    pub fn called(&mut self, site: &Arc<str>, limits: &Limits, number: Number, now: Mono) -> Result<(), Full> {
        let of_number = (site.clone(), number);
        self.numbers.room(&of_number, limits.number, now).map_err(|again| Full { what: "number", again })?;
        self.sites.take(site.clone(), limits.site, now).map_err(|again| Full { what: "site", again })?;
        self.numbers.note(of_number, limits.number, now);
        Ok(())
    }

    /// Somebody looks.
    pub fn looked(&mut self, from: IpAddr, now: Mono) -> Result<(), Full> {
        self.looks.take(network(from), LOOKS, now).map_err(|again| Full { what: "address", again })
    }
}

/// What is one visitor's: an IPv4 address, or the network of an IPv6 one.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> (u128::BITS - NETWORK) << (u128::BITS - NETWORK),
    }
}

/// When each key was counted of late: at most as often as its rate allows.
#[derive(Debug)]
struct Table<K> {
    times: BTreeMap<K, VecDeque<Mono>>,
    /// By when they were counted last.
    order: BTreeSet<(Mono, K)>,
}

impl<K> Default for Table<K> {
    fn default() -> Table<K> {
        Table { times: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Table<K> {
    /// Is there room for one more; if not, in how long?
    fn room(&self, key: &K, rate: Rate, now: Mono) -> Result<(), Span> {
        let Some(times) = self.times.get(key) else { return Ok(()) };
        let counted = times.iter().filter(|at| now.since(**at) < rate.within);
        let most = rate.times as usize;
        match counted.clone().count().checked_sub(most) {
            None => Ok(()),
            Some(over) => {
                let first = counted.clone().nth(over).copied().unwrap_or(now);
                Err((first + rate.within).since(now))
            }
        }
    }

    fn note(&mut self, key: K, rate: Rate, now: Mono) {
        let times = self.times.entry(key.clone()).or_default();
        if let Some(last) = times.back() {
            self.order.remove(&(*last, key.clone()));
        }
        if times.len() >= rate.times as usize {
            times.pop_front();
        }
        times.push_back(now);
        self.order.insert((now, key));
        if self.times.len() > MOST_KEPT
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.times.remove(&oldest);
        }
    }

    fn take(&mut self, key: K, rate: Rate, now: Mono) -> Result<(), Span> {
        self.room(&key, rate, now)?;
        self.note(key, rate, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRICE: Rate = Rate { times: 3, within: Span::minutes(10) };

    fn at(minutes: u64) -> Mono {
        Mono(minutes * 60_000)
    }

    #[test]
    fn there_is_room_again_when_the_oldest_is_old_enough() {
        let mut table = Table::default();
        for minute in [0, 4, 5] {
            assert_eq!(table.take("a", THRICE, at(minute)), Ok(()));
        }
        assert_eq!(table.take("a", THRICE, at(6)), Err(Span::minutes(4)));
        assert_eq!(table.take("b", THRICE, at(6)), Ok(()), "another's");
        assert_eq!(table.take("a", THRICE, at(10)), Ok(()));
        assert_eq!(table.take("a", THRICE, at(10)), Err(Span::minutes(4)), "what was refused was not counted");
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_who_asked_longest_ago_is_forgotten() {
        let mut table = Table::default();
        for n in 0..=MOST_KEPT as u64 {
            table.note(n, THRICE, Mono(n));
        }
        assert!(table.times.len() == MOST_KEPT && table.order.len() == MOST_KEPT);
        assert!(!table.times.contains_key(&0) && table.times.contains_key(&1));
        (0..50).for_each(|n| table.note(7, THRICE, Mono(1_000_000 + n)));
        assert_eq!(table.times[&7].len(), 3);
    }

    #[test]
    fn a_number_an_address_and_a_site_have_each_their_own_limit() {
        let rate = |times| Rate { times, within: Span::minutes(60) };
        let limits = Limits { number: rate(1), address: rate(3), site: rate(2) };
        let (shop, other): (Arc<str>, Arc<str>) = ("shop".into(), "other".into());
        let [one, two, three] = ["+79161234567", "+79161234568", "+79161234569"].map(|text| text.parse().unwrap());
        let mut tally = Tally::default();
        let full = |result: Result<(), Full>| result.err().map(|full| full.what);
        assert_eq!(full(tally.called(&shop, &limits, one, at(0))), None);
        assert_eq!(full(tally.called(&shop, &limits, one, at(1))), Some("number"));
        assert_eq!(full(tally.called(&other, &limits, one, at(1))), None, "sites count apart");
        assert_eq!(full(tally.called(&shop, &limits, two, at(1))), None, "what was refused took no place of the site");
        assert_eq!(full(tally.called(&shop, &limits, three, at(1))), Some("site"));
        assert_eq!(full(tally.called(&shop, &limits, three, at(61))), None);
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        (0..3).for_each(|_| assert_eq!(full(tally.asked(&shop, &limits, address, at(0))), None));
        assert_eq!(full(tally.asked(&shop, &limits, address, at(0))), Some("address"));
    }

    #[test]
    fn a_network_of_ipv6_is_one_visitor() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
    }
}
