//! Plugins written in WebAssembly's text, made into components here: no toolchain is needed.
//!
//! A file in `hostile/` holds the functions that matter; what it does not define is taken from the parts below: an allocator, a
//! description, a check of settings. `$JOB(validate)` stands for the beginning of a job's function, whose parameters are `$table`, `$columns`,
//! `$context`, `$rows` (each with `$…-len` where it is a list) and so on, in the contract's order.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TYPES: &str = include_str!("../../plugin-sdk/wit/types.wit");
const JOBS: &str = include_str!("../../plugin-sdk/wit/jobs.wit");

/// Gives out memory and never takes it back; grows it a MiB at a time.
const REALLOC: &str = r#"
  (global $next (mut i32) (i32.const 65536))
  (func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $bytes)))
    (block $enough (loop $grow
      (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $grow)))
    (local.get $at))
"#;

/// A description at 1024: an id (`test`), a version (1.0.0), with the jobs whose numbers are at 1100.
const DESCRIBE: &str = r#"
  (data (i32.const 1040) "NAME")
  (data (i32.const 1050) "VERSION")
  (data (i32.const 1060) "A test.")
  (data (i32.const 1100) "JOBS")
  (func $describe (export "daybook:plugin/meta@1.0.0#describe") (result i32)
    (i32.store (i32.const 1200) (i32.const 1040)) (i32.store (i32.const 1204) (i32.const 4))
    (i32.store (i32.const 1208) (i32.const 1050)) (i32.store (i32.const 1212) (i32.const 5))
    (i32.store (i32.const 1216) (i32.const 1060)) (i32.store (i32.const 1220) (i32.const 7))
    (i32.store (i32.const 1224) (i32.const 1100)) (i32.store (i32.const 1228) (i32.const COUNT))
    (i64.store (i32.const 1232) (i64.const 0)) (i64.store (i32.const 1240) (i64.const 0))
    (i64.store (i32.const 1248) (i64.const 0))
    (i32.const 1200))
"#;

const CHECK_SETTINGS: &str = r#"
  (func (export "daybook:plugin/meta@1.0.0#check-settings") (param i32 i32) (result i32)
    (i32.store8 (i32.const 1300) (i32.const 0))
    (i32.const 1300))
"#;

/// The parameters of all jobs.
const PARAMETERS: &str = "(param $table i32) (param $table-len i32) (param $columns i32) (param $columns-len i32) \
    (param $as-of i32) (param $as-of-len i32) (param $locale i32) (param $locale-len i32) \
    (param $settings i32) (param $settings-len i32) (param $read-only i32) (param $rows i32) (param $count i32)";

/// A plugin to be made.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    /// The functions that matter.
    text: String,
    /// The jobs that the component exports.
    exports: Vec<&'static str>,
    /// The jobs that its description names.
    says: Vec<&'static str>,
    id: &'static str,
    version: &'static str,
    contract: &'static str,
}

impl Fixture {
    /// A plugin with the jobs whose functions the text defines.
    pub(crate) fn new(text: &str) -> Self {
        let exports: Vec<_> = jobs()
            .into_iter()
            .filter(|job| text.contains(&format!("$JOB({job})")) || text.contains(&format!("/{job}@")))
            .collect();
        Self { text: text.to_owned(), says: exports.clone(), exports, id: "test", version: "1.0.0", contract: "1.0.0" }
    }

    pub(crate) fn version(self, version: &'static str) -> Self {
        assert_eq!(version.len(), 5);
        Self { version, ..self }
    }

    /// Calls itself otherwise.
    pub(crate) fn id(self, id: &'static str) -> Self {
        assert_eq!(id.len(), 4);
        Self { id, ..self }
    }

    /// Describes itself as having other jobs than it has.
    pub(crate) fn says(self, says: &[&'static str]) -> Self {
        Self { says: says.to_vec(), ..self }
    }

    /// Is made for another version of the contract.
    pub(crate) fn contract(self, contract: &'static str) -> Self {
        Self { contract, ..self }
    }

    /// The core module's text.
    fn module(&self) -> String {
        let mut text = self.text.clone();
        for job in jobs() {
            let function = match job {
                "merge" => "resolve",
                "mail" => "parse",
                other => other,
            };
            let parameters = match job {
                "merge" => format!("{PARAMETERS} (param $disputes i32) (param $disputes-len i32)"),
                // They are so many that they lie in memory.
                "mail" => "(param $parameters i32)".to_owned(),
                _ => PARAMETERS.to_owned(),
            };
            let begin = format!("(export \"daybook:plugin/{job}@1.0.0#{function}\") {parameters} (result i32)");
            text = text.replace(&format!("$JOB({job})"), &begin);
        }
        let numbers: Vec<_> = self.says.iter().map(|job| format!("\\{:02x}", number(job))).collect();
        let describe = DESCRIBE.replace("VERSION", self.version).replace("JOBS", &numbers.concat());
        let describe = describe.replace("NAME", self.id);
        let describe = describe.replace("COUNT", &self.says.len().to_string());
        let parts = [
            ("\"memory\"", "(memory (export \"memory\") 2)"),
            ("\"cabi_realloc\"", REALLOC),
            ("#describe\"", &describe),
            ("#check-settings\"", CHECK_SETTINGS),
        ];
        let log = "(import \"daybook:plugin/host@1.0.0\" \"log\" (func $log (param i32 i32 i32)))";
        let missing: String = parts.iter().filter(|(mark, _)| !text.contains(mark)).map(|(_, part)| *part).collect();
        format!("(module {log} {missing} {text})").replace("@1.0.0", &format!("@{}", self.contract))
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).expect("the text of a test plugin is valid");
        let body = JOBS.split_once(';').expect("the package is named first").1;
        let contract = format!("{TYPES}\n{body}").replace("@1.0.0", &format!("@{}", self.contract));
        let exports: Vec<_> =
            self.exports.iter().map(|job| format!("export daybook:plugin/{job}@{};", self.contract)).collect();
        let exports = exports.concat();
        let world = format!(
            "package daybook:test; world test {{ import daybook:plugin/host@{0}; export daybook:plugin/meta@{0}; {exports} }}",
            self.contract
        );
        let mut resolve = Resolve::default();
        resolve.push_str("contract.wit", &contract).expect("the contract is valid");
        let package = resolve.push_str("test.wit", &world).expect("the test's world is valid");
        let world = resolve.select_world(&[package], Some("test")).expect("the world is there");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module takes it");
        let encoder = ComponentEncoder::default().validate(true).module(&module).expect("it is a module of this world");
        let mut encoder = encoder;
        encoder.encode().expect("it makes a component")
    }
}

fn jobs() -> [&'static str; 5] {
    ["normalise", "validate", "classify", "merge", "mail"]
}

fn number(job: &str) -> u8 {
    match job {
        "normalise" => 0,
        "validate" => 1,
        "classify" => 2,
        "merge" => 3,
        _ => 4,
    }
}
