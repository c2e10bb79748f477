//! Times of what the other benches count.
//!
//! `cargo bench --bench time`

#![allow(missing_docs, reason = "the macros of the harness make items")]

mod setup;

use criterion::{Criterion, criterion_group, criterion_main};

use setup::{Away, Case, Connected};

criterion_group!(time, connection, cache);
criterion_main!(time);

fn connection(criterion: &mut Criterion) {
    let away = Away::new();
    criterion.bench_function("connection/get_refused", |bencher| {
        // Many at once: entering the runtime costs more than one of them.
        bencher.iter(|| away.get(1000))
    });
    for length in LENGTHS {
        let stored = Connected::with(length);
        criterion.bench_function(&format!("connection/get/{length}"), |bencher| {
            bencher.iter(|| stored.get(1))
        });
    }
}

fn cache(criterion: &mut Criterion) {
    for length in LENGTHS {
        let cases = [
            ("handler", Case::handler(length)),
            ("get", Case::get(length)),
            ("redis_hit", Case::redis_hit(length)),
            ("memory_hit", Case::memory_hit(length)),
        ];
        for (name, mut case) in cases {
            let name = format!("cache/{name}/{length}");
            criterion.bench_function(&name, |bencher| bencher.iter(|| case.run(1)));
        }
    }
}

const LENGTHS: [usize; 2] = [1024, 100 * 1024];
