//! Compiled plugins on disk: believed only as Daybook wrote them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{Bench, ask, good, host, rows, write};

/// The one entry of a bench's cache.
fn entry(bench: &Bench) -> PathBuf {
    let folder = std::fs::read_dir(bench.folder.path().join("cache")).expect("the cache is there");
    let mut entries: Vec<_> = folder.map(|entry| entry.expect("it can be listed").path()).collect();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

#[test]
fn an_entry_is_private_and_spares_the_compiler() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let entry = entry(&bench);
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&entry), mode(entry.parent().expect("it lies in a folder"))), (0o600, 0o700));
    let written = std::fs::metadata(&entry).expect("it is there").modified().expect("the system says it");
    bench.host = host(&bench.folder.path().join("cache"), &bench.clock, false);
    assert_eq!(bench.load(&[setup]), []);
    let again = std::fs::metadata(&entry).expect("it is there").modified().expect("the system says it");
    assert_eq!(written, again, "nothing was compiled");
}

#[test]
fn an_entry_that_was_tampered_with_is_compiled_anew() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let entry = entry(&bench);
    let genuine = std::fs::read(&entry).expect("it can be read");
    let changed = |at: usize| {
        let mut bytes = genuine.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut longer = genuine.clone();
    longer.push(0);
    let cases = [
        changed(0),
        changed(8),
        changed(40),
        changed(genuine.len() / 2),
        changed(genuine.len() - 1),
        genuine[..genuine.len() - 1].to_vec(),
        genuine[..20].to_vec(),
        Vec::new(),
        longer,
    ];
    for bytes in cases {
        write(&entry, &bytes);
        bench.host = host(&bench.folder.path().join("cache"), &bench.clock, false);
        assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
        assert_eq!(ask!(bench, validate, &setup, &rows(&["甲"])).failed, []);
        assert_eq!(std::fs::read(&entry).expect("it can be read"), genuine, "it was written anew");
    }
}

#[test]
fn an_entry_of_another_plugin_in_its_place_is_not_believed() {
    let mut bench = Bench::new();
    let setup = bench.setup("good", &good());
    assert_eq!(bench.load(std::slice::from_ref(&setup)), []);
    let first = entry(&bench);
    let other = bench.setup("good", &good().version("2.0.0"));
    let foreign = std::fs::read(&first).expect("it can be read");
    assert_eq!(bench.load(std::slice::from_ref(&other)), []);
    let folder = std::fs::read_dir(bench.folder.path().join("cache")).expect("the cache is there");
    let second = folder.map(|entry| entry.expect("it can be listed").path()).find(|path| *path != first);
    write(&second.expect("there are two"), &foreign);
    assert_eq!(bench.load(&[other]), []);
    assert_eq!(bench.host.status()[0].manifest.as_ref().expect("it is loaded").version, "2.0.0");
}
