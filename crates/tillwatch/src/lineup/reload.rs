//! From changed files to active models.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_engine::{ActiveModels, Assembly};

use super::audit::{AuditLog, Cause};
use super::directory::{self, LoadedLineup};
use crate::clock;
use crate::config::ModelSettings;
use crate::watch::{Occasion, Prepared, Stamp, Watch};

/// How often a look that was asked for is taken again while the files are still being written, and how
/// long it waits in between.
const ASKED_LOOKS_MAX: usize = 20;
const ASKED_PAUSE: Duration = Duration::from_millis(50);

/// How long a trial rests after each batch, in times of what that took: lanes share the processors with it.
const PAUSE_PER_WORK: u32 = 3;

/// The files of models that may change while lanes score.
#[derive(Debug, Clone)]
pub struct Followed {
    pub settings: ModelSettings,
    pub audit: Arc<AuditLog>,
    /// What the files were when they were read.
    pub stamp: Stamp,
}

/// Is told of changes before any lane scores with them.
pub trait Listener: Send {
    /// Changed files were read; `models` are to become active.
    fn models_taken(&self, models: &Arc<ActiveModels>);

    /// Changed files cannot be used.
    fn models_refused(&self);
}

/// Takes over the line-up when its files change. All of the work of reading, loading and checking models is
/// done on the thread that calls it; a lane only ever sees models that are ready.
pub struct Reloader {
    assembly: Arc<Assembly>,
    settings: ModelSettings,
    audit: Arc<AuditLog>,
    listener: Box<dyn Listener>,
    /// How the files looked when they were last taken or refused.
    handled: Stamp,
    /// How they looked the last time.
    last: Option<Stamp>,
    /// What was active and is still in the hands of lanes. They are dropped here, since that takes as long
    /// as a model is large.
    retired: Vec<Arc<ActiveModels>>,
}

/// What a look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing to do: they are as they were, or still being written, or name the same models.
    Same,
    /// Other models are active.
    Taken,
    /// They are not used; the models before stay active.
    Refused,
}

impl Reloader {
    /// Follows files of which the models of `assembly` were read; the audit is told of these first.
    pub fn new(assembly: &Arc<Assembly>, followed: Followed, listener: Box<dyn Listener>) -> Self {
        let Followed {
            settings,
            audit,
            stamp,
        } = followed;
        let current = assembly.models().current();
        audit.active(Cause::Start, None, current.name(), &[], None);
        Self {
            assembly: Arc::clone(assembly),
            settings,
            audit,
            listener,
            handled: stamp,
            last: None,
            retired: Vec::new(),
        }
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
            let read = LoadedLineup::read(&self.settings);
            if directory::stamp(&self.settings) == stamp {
                let changed = self.handled.differing(&stamp);
                let changed: Vec<String> = changed
                    .into_iter()
                    .map(|path| path.display().to_string())
                    .collect();
                self.handled = stamp;
                let fitted = read.map_err(|error| error.to_string()).and_then(|read| {
                    let fitted = self.assembly.fit_models(&read.files);
                    fitted.map_err(|error| error.to_string())
                });
                return self.judge(fitted, occasion, &changed);
            }
        }
        if occasion == Occasion::Asked {
            tracing::warn!("the files of the models do not come to rest; nothing was taken");
        }
        Look::Same
    }

    /// Takes models that fit, unless they are those that are active; an error says why there are none.
    fn judge(
        &mut self,
        fitted: Result<ActiveModels, String>,
        occasion: Occasion,
        changed: &[String],
    ) -> Look {
        let cause = match occasion {
            Occasion::Interval => Cause::Reload,
            Occasion::Asked => Cause::Signal,
        };
        let models = self.assembly.models();
        let current = models.current();
        let next = match fitted {
            Ok(next) => Arc::new(next),
            Err(reason) => {
                self.listener.models_refused();
                self.audit.refused(cause, current.name(), changed, &reason);
                return Look::Refused;
            }
        };
        if next.name() == current.name() {
            if cause == Cause::Signal {
                let models = next.name();
                tracing::info!(%models, "looked at the models as asked; they are the same");
            }
            return Look::Same;
        }
        let trial = self.assembly.try_out(&next, pause_after_work());
        self.listener.models_taken(&next);
        // Before any lane can say that it has begun.
        let (from, to) = (Some(current.name()), next.name());
        self.audit.active(cause, from, to, changed, trial.as_ref());
        drop(current);
        self.retired.push(models.exchange(next));
        Look::Taken
    }
}

/// Rests whenever it is called, by what was done since it was called before.
fn pause_after_work() -> impl FnMut() {
    let mut since: Instant = clock::now();
    move || {
        clock::wait(PAUSE_PER_WORK * since.elapsed());
        since = clock::now();
    }
}
