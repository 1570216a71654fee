//! What plugins cost, roughly: `cargo test --release -p daybook --test integration plugins::figures -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::{Bench, ask, good, host, row};

/// The shortest of several runs.
fn best(mut work: impl FnMut()) -> Duration {
    let time = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    (0..20).map(|_| time(&mut work)).min().unwrap_or_default()
}

#[test]
#[ignore = "a measurement, not a test"]
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn what_batches_and_loading_cost() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let one = [row("甲")];
    let batch: Vec<_> = (0..256).map(|_| row("深圳市示例科技有限公司")).collect();
    let many: Vec<_> = (0..25_600).map(|_| row("深圳市示例科技有限公司")).collect();
    let single = best(|| assert_eq!(ask!(bench, validate, &setup, &one).failed, []));
    let whole = best(|| assert_eq!(ask!(bench, validate, &setup, &batch).failed, []));
    let all = best(|| assert_eq!(ask!(bench, validate, &setup, &many).failed, []));
    let changes = best(|| assert_eq!(ask!(bench, normalise, &setup, &many).failed, []));
    let cache = bench.folder.path().join("cache");
    let warm = best(|| {
        bench.host = host(&cache, &bench.clock, false);
        assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    });
    let again = best(|| assert_eq!(bench.load(std::slice::from_ref(&setup)), []));
    println!("request of 1 row: {single:?}; of 256 rows: {whole:?}; warm load: {again:?}, with a new host: {warm:?}");
    println!(
        "validate: {:.0} rows/s; normalise: {:.0} rows/s",
        25_600.0 / all.as_secs_f64(),
        25_600.0 / changes.as_secs_f64()
    );
}
