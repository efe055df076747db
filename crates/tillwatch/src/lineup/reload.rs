//! From changed files to models in force.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Audit, Memory, Source};
use crate::clock;
use crate::config::ModelSettings;
use crate::core::{Core, CoreError};
use crate::in_force::InForce;
use crate::lineup::{LineupFiles, directory};
use crate::serve::metrics::Metrics;
use crate::watch::{Occasion, Prepared, Stamp, Watch};

/// How often a look that was asked for is taken again while the files are still being written, and how
/// long it waits in between.
const ASKED_LOOKS_MAX: usize = 20;
const ASKED_PAUSE: Duration = Duration::from_millis(50);

/// Takes over the line-up when its files change. All of the work of reading, loading and checking models is
/// done on the thread that calls it; a lane only ever sees models that are ready.
#[derive(Debug)]
pub struct Reloader {
    core: Arc<Core>,
    settings: ModelSettings,
    metrics: Arc<Metrics>,
    audit: Arc<Audit>,
    /// How the files looked when they were last taken or refused.
    handled: Stamp,
    /// How they looked the last time.
    last: Option<Stamp>,
    /// What was in force and is still in the hands of lanes. They are dropped here, since that takes as long
    /// as a model is large.
    retired: Vec<Arc<InForce>>,
}

/// What a look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing to do: they are as they were, or still being written, or name the same models.
    Same,
    /// Other models are in force.
    Taken,
    /// They are not used; the models before stay in force.
    Refused,
}

impl Reloader {
    /// Follows the files of `settings`, of which the models of `core` were read.
    ///
    /// # Errors
    /// Fails when the audit file cannot be written.
    pub fn new(
        core: &Arc<Core>,
        settings: &ModelSettings,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Self> {
        let audit = Arc::new(Audit::open(settings.audit.as_deref())?);
        let current = core.models().current();
        audit.in_force(Source::Start, None, &current.name, &[], None);
        core.models().set_audit(&audit);
        if settings.backtest_rows > 0 {
            core.models()
                .set_memory(Memory::new(settings.backtest_rows));
        }
        Ok(Self {
            core: Arc::clone(core),
            settings: settings.clone(),
            metrics: Arc::clone(metrics),
            audit,
            handled: current.stamp.clone(),
            last: None,
            retired: Vec::new(),
        })
    }

    /// Looks on a thread of its own, as often as the settings say and when asked, until dropped.
    pub fn start(mut self, prepared: Prepared) -> io::Result<Watch> {
        let interval = self.settings.reload;
        prepared.start("models", interval, move |occasion| {
            self.look(occasion);
        })
    }

    /// Looks at the files and takes what they name if they have changed and have come to rest: files that
    /// are still being written change between two looks. One that was asked for waits for that.
    pub fn look(&mut self, occasion: Occasion) -> Look {
        self.retired.retain(|old| Arc::strong_count(old) > 1);
        let looks = match occasion {
            Occasion::Interval => 1,
            Occasion::Asked => ASKED_LOOKS_MAX,
        };
        for look in 0..looks {
            if look > 0 {
                clock::wait(ASKED_PAUSE);
            }
            let stamp = directory::stamp(&self.settings);
            let is_settled = self.last.as_ref() == Some(&stamp);
            self.last = Some(stamp.clone());
            // Asked for, refused files are tried again: what was wrong need not be in them.
            let is_news = stamp != self.handled || occasion == Occasion::Asked;
            if !is_news {
                return Look::Same;
            }
            if !is_settled {
                continue;
            }
            let read = LineupFiles::read(&self.settings);
            if directory::stamp(&self.settings) == stamp {
                let changed = self.handled.differing(&stamp);
                let changed: Vec<String> = changed
                    .into_iter()
                    .map(|path| path.display().to_string())
                    .collect();
                self.handled = stamp;
                return self.judge(read.map_err(CoreError::from), occasion, &changed);
            }
        }
        if occasion == Occasion::Asked {
            tracing::warn!("the files of the models do not come to rest; nothing was taken");
        }
        Look::Same
    }

    fn judge(
        &mut self,
        read: Result<LineupFiles, CoreError>,
        occasion: Occasion,
        changed: &[String],
    ) -> Look {
        let source = match occasion {
            Occasion::Interval => Source::Reload,
            Occasion::Asked => Source::Signal,
        };
        let current = self.core.models().current();
        let next = match read.and_then(|files| self.core.fit_models(&files)) {
            Ok(next) => Arc::new(next),
            Err(error) => {
                self.metrics.models_refused();
                let reason = error.to_string();
                self.audit.refused(source, &current.name, changed, &reason);
                return Look::Refused;
            }
        };
        if next.name == current.name {
            if source == Source::Signal {
                tracing::info!(models = %next.name, "looked at the models as asked; they are the same");
            }
            return Look::Same;
        }
        let memory = self.core.models().memory();
        let trial = memory
            .and_then(|memory| memory.try_out(&current.lineup, &next.lineup, self.core.scope()));
        if let Some(trial) = &trial {
            trial.log(&next.lineup.champion().info().versioned_name());
        }
        self.metrics.models_taken(&next);
        // Before any lane can say that it has begun.
        self.audit.in_force(
            source,
            Some(&current.name),
            &next.name,
            changed,
            trial.as_ref(),
        );
        next.prepare(&current, self.core.models().lanes());
        drop(current);
        self.retired.push(self.core.models().exchange(next));
        Look::Taken
    }
}
