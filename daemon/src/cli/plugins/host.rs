//! The office's plugins as the commands use them: loaded when they are first asked for.
//!
//! Most commands need no plugin, and loading one written in Python takes a while. So nothing is loaded before the first question;
//! a command that must not work with a wrong file says so by [`Plugins::start`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::open::load_config;
use crate::config::Config;
use crate::extract;
use crate::io::{Disk, Fingerprint, Program, RealDisk, SystemClock};
use crate::model::Problem;
use crate::model::plugin::{
    Dispute, Issue, PluginChange, PluginJob, PluginMail, PluginName, PluginReading, PluginSetup, Resolution,
};
use crate::plugin::limits::CompileLimits;
use crate::plugin::{Answered, Host, HostParts, PluginState, Plugins, Request, Status, Unavailable, forbids_start};
use crate::store::MasterKey;

/// The office's plugins.
pub(crate) struct OfficePlugins {
    setups: Vec<PluginSetup>,
    /// Taken when they are loaded.
    parts: Option<HostParts>,
    host: Option<Host>,
    /// What is wrong and was not told yet.
    untold: Vec<Problem>,
    nothing: Unavailable,
    /// The configuration's file, in which a plugin's file and pin may change at any time.
    file: PathBuf,
    /// The file as it was when it was read last.
    read: Option<Fingerprint>,
}

impl OfficePlugins {
    /// Prepares the plugins of a configuration.
    pub(crate) fn new(config: &Config, key: &MasterKey) -> std::io::Result<Self> {
        let mut parts = host_parts(&cache_folder(&config.store.path), key.plugin_cache_key(), false)?;
        parts.tables.clone_from(&config.tables);
        let nothing = Unavailable { why: "plugins can't be run.".to_owned() };
        let (setups, file) = (config.plugins.clone(), config.file.clone());
        Ok(Self { setups, parts: Some(parts), host: None, untold: Vec::new(), nothing, file, read: None })
    }

    /// Loads what is not loaded yet.
    fn host(&mut self) -> Option<&mut Host> {
        if let Some(parts) = self.parts.take() {
            match Host::new(parts) {
                Ok(mut host) => {
                    self.untold.extend(host.load(&self.setups));
                    self.host = Some(host);
                }
                Err(problem) => {
                    self.nothing.why = format!("{} {}", problem.message, problem.hint);
                    self.untold.push(problem);
                }
            }
        }
        self.host.as_mut()
    }

    /// Reads the configuration again if it has changed, and tells the host which files it names by now.
    ///
    /// So a plugin that `daybook plugin install --replace` or `pin` has named is in use without a start. A configuration that is wrong at this moment, as
    /// while somebody edits it, changes nothing.
    fn follow(&mut self) -> Vec<Problem> {
        let Some(host) = &mut self.host else { return Vec::new() };
        let Ok(now) = RealDisk.fingerprint(&self.file) else { return Vec::new() };
        if now.is_none() || now == self.read {
            return Vec::new();
        }
        let Ok(config) = load_config(Some(&self.file)) else {
            if self.read.is_some() {
                tracing::warn!(file = %self.file.display(), "the configuration has changed and is wrong; plugins stay as they are. `daybook check` says what");
            }
            self.read = now;
            return Vec::new();
        };
        self.read = now;
        host.follow(&config.plugins)
    }

    fn asked(&mut self) -> &mut dyn Plugins {
        if self.host().is_none() {
            return &mut self.nothing;
        }
        match &mut self.host {
            Some(host) => host,
            None => &mut self.nothing,
        }
    }
}

impl Plugins for OfficePlugins {
    fn start(&mut self) -> Result<(), Problem> {
        if self.setups.iter().all(|setup| setup.disabled) {
            return Ok(());
        }
        self.host();
        match self.untold.iter().find(|problem| forbids_start(problem)) {
            Some(problem) => Err(problem.clone()),
            None => Ok(()),
        }
    }

    fn refresh(&mut self) -> Vec<Problem> {
        let mut told = std::mem::take(&mut self.untold);
        told.extend(self.follow());
        told.extend(self.host.as_mut().map(Host::refresh).unwrap_or_default());
        told
    }

    fn renewed(&mut self) -> Vec<PluginName> {
        self.host.as_mut().map(Host::renewed).unwrap_or_default()
    }

    fn status(&mut self) -> Vec<Status> {
        if let Some(host) = self.host() {
            return host.status();
        }
        let refused = |setup: &PluginSetup| Status {
            name: setup.name.clone(),
            state: PluginState::Refused,
            manifest: None,
            sha256: None,
            last_error: Some(self.nothing.why.clone()),
            refused: None,
        };
        self.setups.iter().filter(|setup| !setup.disabled).map(refused).collect()
    }

    fn jobs(&mut self, name: &PluginName) -> Vec<PluginJob> {
        self.asked().jobs(name)
    }

    fn normalise(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.asked().normalise(request)
    }

    fn validate(&mut self, request: &Request<'_>) -> Answered<Issue> {
        self.asked().validate(request)
    }

    fn classify(&mut self, request: &Request<'_>) -> Answered<PluginChange> {
        self.asked().classify(request)
    }

    fn resolve(&mut self, request: &Request<'_>, disputes: &[Dispute]) -> Answered<Resolution> {
        self.asked().resolve(request, disputes)
    }

    fn read_mail(&mut self, request: &Request<'_>, mail: &PluginMail) -> Answered<PluginReading> {
        self.asked().read_mail(request, mail)
    }
}

/// What a host is made of. With `metered` it counts fuel.
pub(crate) fn host_parts(cache_folder: &Path, cache_key: [u8; 32], metered: bool) -> std::io::Result<HostParts> {
    Ok(HostParts {
        compiler: Program::current()?,
        compile_limits: CompileLimits::default(),
        cache_folder: cache_folder.to_owned(),
        cache_key,
        clock: Arc::new(SystemClock),
        disk: Arc::new(RealDisk),
        read_value: Arc::new(|text, field| extract::parse_text(text, field).map_err(|error| error.code)),
        metered,
        tables: Vec::new(),
    })
}

/// Where compiled plugins are kept: beside the store, as earlier versions of workbooks are.
pub(crate) fn cache_folder(store: &Path) -> PathBuf {
    let mut folder = store.as_os_str().to_owned();
    folder.push(".plugins");
    folder.into()
}
