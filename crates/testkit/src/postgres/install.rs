use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::process::{Launch, Sandbox};

/// The folder of programs that the sandbox's user can run: `bin`, or a copy of it and of what belongs to it in the
/// sandbox, where that user may not pass through to it (a workspace below root's home).
pub(super) fn programs(sandbox: &Sandbox, bin: &Path) -> io::Result<PathBuf> {
    let Some(owner) = sandbox.owner() else {
        return Ok(bin.to_path_buf());
    };
    let asked = Launch {
        program: bin.join("postgres"),
        args: vec!["--version".into()],
        log: "version.log",
    };
    if sandbox.launch(&asked)?.ended()?.success() {
        return Ok(bin.to_path_buf());
    }
    let prefix = bin
        .parent()
        .filter(|prefix| is_a_home_of_its_own(prefix))
        .ok_or_else(|| {
            io::Error::other(format!(
                "{} cannot be run by another user and cannot be copied",
                bin.display()
            ))
        })?;
    let copy = sandbox.path().join("pg");
    copy_tree(prefix, &copy, &|path| owner.take(path))?;
    Ok(copy.join(bin.file_name().unwrap_or_default()))
}

/// Not `/usr` or `/usr/local`: nothing there is private, and it is not for us to copy all of it.
fn is_a_home_of_its_own(prefix: &Path) -> bool {
    prefix
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .count()
        > 2
}

/// Links stay links: the libraries' names are links to each other.
fn copy_tree(from: &Path, to: &Path, made: &impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    fs::create_dir(to)?;
    made(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target, made)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            made(&target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tree_is_copied_with_its_links_and_nothing_twice() {
        let temp = tempfile::TempDir::new().unwrap();
        let from = temp.path().join("from");
        fs::create_dir_all(from.join("lib")).unwrap();
        fs::write(from.join("lib/libpq.so.5"), "library").unwrap();
        symlink("libpq.so.5", from.join("lib/libpq.so")).unwrap();
        let (to, made) = (temp.path().join("to"), Cell::new(0));
        copy_tree(&from, &to, &|_| {
            made.set(made.get() + 1);
            Ok(())
        })
        .unwrap();
        assert_eq!(
            fs::read_to_string(to.join("lib/libpq.so")).unwrap(),
            "library"
        );
        assert_eq!(
            fs::read_link(to.join("lib/libpq.so")).unwrap(),
            Path::new("libpq.so.5")
        );
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn the_systems_own_folders_are_not_copied() {
        assert!(!is_a_home_of_its_own(Path::new("/usr/local")));
        assert!(is_a_home_of_its_own(Path::new(
            "/srv/project/target/tools/pg/native"
        )));
    }
}
