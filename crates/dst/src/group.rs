//! The consumer group, as its coordinator sees it.

use std::collections::BTreeSet;

/// An instance by number: each start has another one.
pub(crate) type Member = u64;

/// Who owns which lane. Cooperative: a lane is given to its next owner when the one before has let go.
#[derive(Debug, Default)]
pub(crate) struct Group {
    members: BTreeSet<Member>,
    lanes: Vec<Place>,
    /// Turns the assignment, so that lanes move though no member comes or goes.
    turn: usize,
}

#[derive(Debug, Default, Clone)]
struct Place {
    owner: Option<Member>,
    wanted: Option<Member>,
    /// Counts assignments: what an owner asks for under an older one is refused.
    epoch: u64,
}

impl Group {
    pub(crate) fn add_lane(&mut self) {
        self.lanes.push(Place::default());
        self.assign();
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn is_member(&self, member: Member) -> bool {
        self.members.contains(&member)
    }

    pub(crate) fn join(&mut self, member: Member) {
        self.members.insert(member);
        self.assign();
    }

    /// The member leaves, or its session is over: its lanes are free at once.
    pub(crate) fn remove(&mut self, member: Member) {
        self.members.remove(&member);
        for lane in self
            .lanes
            .iter_mut()
            .filter(|lane| lane.owner == Some(member))
        {
            lane.owner = None;
        }
        self.assign();
    }

    /// All members but these are dead.
    pub(crate) fn keep(&mut self, alive: &[Member]) {
        let dead: Vec<Member> = self
            .members
            .iter()
            .copied()
            .filter(|member| !alive.contains(member))
            .collect();
        dead.into_iter().for_each(|member| self.remove(member));
    }

    /// Lanes are to be where they are not now.
    pub(crate) fn turn(&mut self) {
        self.turn += 1;
        self.assign();
    }

    /// Whether a member has all lanes that it should have, and none else.
    pub(crate) fn is_settled(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| lane.owner == lane.wanted && lane.owner.is_some())
    }

    /// The lane's epoch, if it is `member`'s.
    pub(crate) fn epoch(&self, lane: usize, member: Member) -> Option<u64> {
        let place = self.lanes.get(lane)?;
        (place.owner == Some(member) && self.is_member(member)).then_some(place.epoch)
    }

    /// Lanes that a member has and should let go.
    pub(crate) fn to_release(&self, member: Member) -> Vec<usize> {
        self.which(|lane| lane.owner == Some(member) && lane.wanted != Some(member))
    }

    /// Lanes that a member is to have and that are free.
    pub(crate) fn to_take(&self, member: Member) -> Vec<usize> {
        self.which(|lane| lane.owner.is_none() && lane.wanted == Some(member))
    }

    pub(crate) fn release(&mut self, lane: usize, member: Member) {
        let place = self.lanes.get_mut(lane);
        if let Some(place) = place.filter(|place| place.owner == Some(member)) {
            place.owner = None;
        }
    }

    pub(crate) fn take(&mut self, lane: usize, member: Member) {
        if let Some(place) = self.lanes.get_mut(lane) {
            place.owner = Some(member);
            place.epoch += 1;
        }
    }

    fn which(&self, is_so: impl Fn(&Place) -> bool) -> Vec<usize> {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(|(_, lane)| is_so(lane))
            .map(|(at, _)| at)
            .collect()
    }

    fn assign(&mut self) {
        let members: Vec<Member> = self.members.iter().copied().collect();
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let turned = (at + self.turn) % members.len().max(1);
            lane.wanted = members.get(turned).copied();
        }
    }
}
