//! temp
fn main() {
    let f = bench::core::run(Default::default()).unwrap();
    println!("{f:?}");
}
