//! A new migration changes no Rust file: tell cargo to look.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
