//! The example plugins of `plugins/` as components, for tests, benchmarks and the demo.
//!
//! `build.rs` builds them if it can. If it can't, this crate says why: a test then fails, and the demo goes without.

/// The components with their names, or why there are none.
const PLUGINS: Result<&[(&str, &[u8])], &str> = include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

/// A plugin's component, by its package's name like `uscc`.
///
/// # Errors
///
/// Why the plugins could not be built, and what to do. A name that isn't there is one too.
pub fn component(name: &str) -> Result<&'static [u8], String> {
    let plugins = PLUGINS.map_err(|why| format!("The example plugins were not built: {why}"))?;
    let found = plugins.iter().find(|(own, _)| *own == name);
    found.map(|(_, component)| *component).ok_or_else(|| format!("There is no example plugin `{name}`."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_are_built_and_are_components() {
        for name in ["cn-id", "cn-phone", "fuller-text", "office-rules", "segment", "status-words", "uscc"] {
            let component = component(name).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(component.get(..8), Some(&[0, b'a', b's', b'm', 0x0d, 0, 1, 0][..]), "{name}");
        }
        assert!(component("none").is_err());
    }
}
