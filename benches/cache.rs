//! Instructions and allocations of the cache layer, per thousand requests, one after the other on one thread.
//!
//! `cargo bench --bench cache`; needs valgrind and `cargo install gungraun-runner --version 0.18.1`.
//!
//! What a request costs at all is in every figure: `handler` is a service that answers at once, `get` one that answers
//! with what a bare GET through the connection manager brings. A hit is to be compared with these.
//!
//! SHA-256 counts several thousand instructions here that a processor does in one or two hundred cycles: under valgrind
//! it has no SHA extensions. `digest` says what one and two blocks cost; the difference is what to take off per block.

#![allow(
    missing_docs,
    unused_qualifications,
    reason = "the macros of the harness make items"
)]

mod setup;

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use tower_keep::digest::Digest;

use setup::{Case, REQUESTS};

const KIB: usize = 1024;

fn run(mut case: Case) -> Case {
    case.run(REQUESTS);
    case
}

#[library_benchmark]
#[bench::bytes_1k(args = [KIB], setup = Case::handler)]
#[bench::bytes_100k(args = [100 * KIB], setup = Case::handler)]
fn handler(case: Case) -> Case {
    run(case)
}

#[library_benchmark]
#[bench::bytes_1k(args = [KIB], setup = Case::get)]
#[bench::bytes_100k(args = [100 * KIB], setup = Case::get)]
fn get(case: Case) -> Case {
    run(case)
}

#[library_benchmark]
#[bench::bytes_1k(args = [KIB], setup = Case::redis_hit)]
#[bench::bytes_100k(args = [100 * KIB], setup = Case::redis_hit)]
fn redis_hit(case: Case) -> Case {
    run(case)
}

#[library_benchmark]
#[bench::bytes_1k(args = [KIB], setup = Case::memory_hit)]
#[bench::bytes_100k(args = [100 * KIB], setup = Case::memory_hit)]
fn memory_hit(case: Case) -> Case {
    run(case)
}

// An OPTIONS, with the layer and without it, and with a layer that does nothing but change the type of the body; and a
// POST, after which the layer ends what is out of date.
#[library_benchmark]
#[bench::without_the_layer(setup = Case::options)]
#[bench::body_type_only(setup = Case::options_with_another_body)]
#[bench::with_it(setup = Case::bypass)]
#[bench::write(setup = Case::write)]
fn bypass(case: Case) -> Case {
    run(case)
}

// In axum, against a layer that only changes the type of the body.
#[library_benchmark]
#[bench::body_type_only(setup = Case::axum_handler)]
#[bench::bare_get(setup = Case::axum_get)]
#[bench::memory_hit(setup = Case::axum_memory_hit)]
#[bench::redis_hit(setup = Case::axum_redis_hit)]
fn axum(case: Case) -> Case {
    run(case)
}

#[library_benchmark]
#[bench::one_block(["/products/7"])]
#[bench::two_blocks(["/products/7?and=what&makes=it&longer=than&one=block"])]
fn digest(part: [&str; 1]) {
    for _ in 0..REQUESTS {
        black_box(Digest::of(black_box(part)));
    }
}

library_benchmark_group!(
    name = tower,
    benchmarks = [handler, get, redis_hit, memory_hit, bypass]
);
library_benchmark_group!(name = in_axum, benchmarks = [axum]);
library_benchmark_group!(name = sha256, benchmarks = [digest]);
main!(
    config = setup::config(),
    library_benchmark_groups = [tower, in_axum, sha256]
);
