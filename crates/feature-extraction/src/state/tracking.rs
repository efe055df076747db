//! What was touched since the last cut, and what the cut under way has still to image.
//!
//! Time is told in epochs: one ends where a cut begins. What is touched carries the mark of its epoch, and is
//! listed once per epoch. A cut takes the list over, *frozen*, in O(1), and images what is on it a few at a
//! time; what is touched before its turn is imaged first. So every image is as of where the cut began.
//!
//! A mark is that of this epoch (listed), that of the one before (frozen and not imaged), or none. Once a cut
//! is whole, none of the one before is left, so the marks of two epochs are used in turn.

use tillwatch_records::{Entries, Space};

/// The epoch in which something was touched last, as far as that matters. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mark {
    /// Of what is not touched, or nobody follows.
    #[default]
    None,
    Odd,
    Even,
}

impl Mark {
    /// That of the next epoch.
    fn next(self) -> Self {
        match self {
            Self::None | Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }
}

/// Follows what is touched; the default follows nothing.
#[derive(Debug)]
pub(crate) struct Tracking<T> {
    /// Of its entries.
    space: Space,
    /// [`Mark::None`] while nothing is followed, so that what is touched needs no other look.
    epoch: Mark,
    /// What was touched in this epoch. At most as many as there are things to touch, since each is listed
    /// once.
    touched: Vec<T>,
    /// What the cut under way has still to look at; as many at most.
    frozen: Vec<T>,
    /// Images of what was touched before its turn, until the next slice takes them. The host looks at
    /// their bytes and gives the cut up where they are too many.
    ahead: Entries,
    /// Whether the last cut was given up: what is frozen goes back among what is touched.
    is_given_up: bool,
}

impl<T> Default for Tracking<T> {
    fn default() -> Self {
        Self {
            space: Space::keys(0),
            epoch: Mark::None,
            touched: Vec::new(),
            frozen: Vec::new(),
            ahead: Entries::default(),
            is_given_up: false,
        }
    }
}

impl<T> Tracking<T> {
    /// Follows what is touched from the first epoch on. Its entries belong to `space`.
    pub(crate) fn start(space: Space) -> Self {
        Self {
            space,
            epoch: Mark::Odd,
            ..Self::default()
        }
    }

    /// The same with nothing touched, for state that is taken from a store.
    pub(crate) fn afresh(&self) -> Self {
        if self.is_on() {
            Self::start(self.space)
        } else {
            Self::default()
        }
    }

    /// Whether it follows anything.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.epoch != Mark::None
    }

    /// Where its entries belong.
    pub(crate) fn space(&self) -> Space {
        self.space
    }

    /// Whether something with this mark is listed already, or need not be.
    #[inline]
    pub(crate) fn knows(&self, mark: Mark) -> bool {
        mark == self.epoch
    }

    /// Whether something with this mark must be imaged before it changes.
    pub(crate) fn is_owed(&self, mark: Mark) -> bool {
        mark != Mark::None && mark != self.epoch && !self.is_given_up
    }

    /// Lists something that was not in this epoch; gives the mark that it gets.
    pub(crate) fn list(&mut self, touched: T) -> Mark {
        self.touched.push(touched);
        self.epoch
    }

    /// Where images go of what is touched before its turn.
    pub(crate) fn ahead(&mut self) -> &mut Entries {
        &mut self.ahead
    }

    /// Bytes that are ahead.
    pub(crate) fn ahead_bytes(&self) -> usize {
        self.ahead.bytes()
    }

    /// Begins a cut, once the one before is whole.
    pub(crate) fn freeze(&mut self) {
        debug_assert!(self.is_whole(), "one cut at a time");
        self.is_given_up = false;
        self.frozen = std::mem::take(&mut self.touched);
        self.epoch = self.epoch.next();
    }

    /// Puts what is ahead into `out`.
    pub(crate) fn take_ahead(&mut self, out: &mut Entries) {
        out.append(&mut self.ahead);
    }

    /// The next of what is frozen: what was touched last is the likeliest to be touched again.
    pub(crate) fn next_frozen(&mut self) -> Option<T> {
        self.frozen.pop()
    }

    /// Those whose turn comes next, at most `most`, in any order.
    pub(crate) fn upcoming(&self, most: usize) -> &[T] {
        &self.frozen[self.frozen.len().saturating_sub(most)..]
    }

    /// Gives the cut under way up.
    pub(crate) fn give_up(&mut self) {
        self.ahead = Entries::default();
        self.is_given_up = true;
    }

    /// Whether the last cut was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Whether nothing of a cut is left to do.
    pub(crate) fn is_whole(&self) -> bool {
        self.frozen.is_empty() && self.ahead.is_empty()
    }
}
