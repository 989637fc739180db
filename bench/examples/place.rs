//! temp
use std::time::Instant;
use bench::workload::{Setting, Shoppers};
fn main() {
    let live: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let listings: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut s = Shoppers::new(Setting { listings, stock: 100_000_000, live_orders: 100_000_000, seed: 1 });
    s.fill(live).unwrap();
    let mut ns = vec![];
    for _ in 0..40 { let mut e = 0; for _ in 0..100 { s.prepare_new(); let t = Instant::now(); s.apply(); e += t.elapsed().as_nanos(); s.check().unwrap(); } ns.push(e / 25_600); }
    ns.sort(); println!("min {} median {} max {} ns", ns[0], ns[20], ns[39]);
}
