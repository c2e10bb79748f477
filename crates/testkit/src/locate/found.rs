use std::fmt;
use std::path::PathBuf;

use super::{Product, Version};

/// A server's program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says it is.
    pub product: Product,
    /// The version it says.
    pub version: Version,
    /// The program, or for PostgreSQL the folder of its programs.
    pub path: PathBuf,
    /// Where it was found.
    pub source: Source,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} at {} ({})",
            self.product,
            self.version,
            self.path.display(),
            self.source
        )
    }
}

/// Where a program was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all the places")]
pub enum Source {
    /// Named by this environment variable.
    Environment(&'static str),
    /// In a folder of `PATH`.
    Path,
    /// Where packages are known to put it.
    KnownPlace,
    /// Installed for this workspace: see [`tools`](super::tools).
    Tools,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment(variable) => variable,
            Self::Path => "PATH",
            Self::KnownPlace => "known place",
            Self::Tools => "target/tools",
        })
    }
}

/// There is no such server here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotFound {
    /// What was looked for.
    pub wanted: &'static str,
    /// The oldest version that will do.
    pub least: Version,
    /// The environment variable that can name one.
    pub variable: &'static str,
    /// What was there and why it will not do.
    pub tried: Vec<Tried>,
}

/// A program that will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The program, or for PostgreSQL the folder of its programs.
    pub path: PathBuf,
    /// Why it will not do.
    pub why: String,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no {} >= {} in {}, PATH, known places or target/tools",
            self.wanted, self.least, self.variable
        )?;
        for tried in &self.tried {
            write!(f, "; {}: {}", tried.path.display(), tried.why)?;
        }
        Ok(())
    }
}

impl std::error::Error for NotFound {}
