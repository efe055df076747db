//! Why a broker cannot be reached, each cause once.

use std::time::Duration;

use tillwatch_consumer::{BrokerTrouble, Findings};

use super::report::Finding;

/// What one client found.
pub struct Side<'a> {
    /// The table that it is made of.
    pub name: &'static str,
    pub findings: &'a Findings,
}

/// A cause and the clients that met it.
struct Cause<'a> {
    trouble: &'a BrokerTrouble,
    brokers: Vec<&'a str>,
    sides: Vec<&'static str>,
    /// Records wait for it: nobody else answered, or the cluster itself names the broker.
    hinders: bool,
}

/// A line for each cause, and for each client that is connected.
pub fn findings(sides: &[Side<'_>], timeout: Duration) -> Vec<Finding> {
    let mut lines: Vec<Finding> = Vec::new();
    for side in sides {
        match &side.findings.cluster {
            Ok(cluster) => lines.push(Finding::Fine(format!(
                "{}: {} brokers answer",
                side.name,
                cluster.nodes.len()
            ))),
            Err(refusal) if side.findings.troubles.is_empty() => {
                lines.push(Finding::Wrong(format!(
                    "{}: no kafka broker answered within {timeout:?} ({refusal}); check \
                     bootstrap.servers, the network and that the brokers are not overloaded",
                    side.name
                )));
            }
            Err(_) => {}
        }
    }
    lines.extend(causes(sides).iter().map(Cause::line));
    lines.dedup();
    lines
}

fn causes<'a>(sides: &[Side<'a>]) -> Vec<Cause<'a>> {
    let mut causes: Vec<Cause<'a>> = Vec::new();
    for side in sides {
        let is_silent = side.findings.cluster.is_err();
        for trouble in &side.findings.troubles {
            let hinders = is_silent || trouble.is_member || trouble.brokers.is_empty();
            let known = causes
                .iter_mut()
                .find(|cause| cause.trouble.words == trouble.words);
            let cause = match known {
                Some(known) => known,
                None => {
                    causes.push(Cause {
                        trouble,
                        brokers: Vec::new(),
                        sides: Vec::new(),
                        hinders,
                    });
                    let last = causes.len() - 1;
                    &mut causes[last]
                }
            };
            cause.hinders |= hinders;
            for broker in &trouble.brokers {
                if !cause.brokers.contains(&broker.as_str()) {
                    cause.brokers.push(broker);
                }
            }
            if !cause.sides.contains(&side.name) {
                cause.sides.push(side.name);
            }
        }
    }
    causes
}

impl Cause<'_> {
    fn line(&self) -> Finding {
        let trouble = self.trouble;
        let sides = self.sides.join(", ");
        let origin = match trouble.is_member {
            true => ", an address that the cluster gives (advertised.listeners)",
            false => "",
        };
        let of = match self.brokers.is_empty() {
            true => sides,
            false => format!("{sides}: broker {}{origin}", self.brokers.join(", ")),
        };
        let line = format!("{of}: {}; {}", trouble.words, trouble.advice());
        if self.hinders {
            Finding::Wrong(line)
        } else {
            Finding::Notice(format!("{line}. Others answer, so it is no hindrance"))
        }
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_consumer::{ClusterFacts, ErrorCode, Refusal};

    use super::*;

    fn findings_of(troubles: &[(&str, bool, &str)], answers: bool) -> Findings {
        let trouble = |(broker, is_member, words): &(&str, bool, &str)| BrokerTrouble {
            brokers: vec![(*broker).to_owned()],
            is_member: *is_member,
            code: ErrorCode::Authentication,
            words: (*words).to_owned(),
        };
        Findings {
            cluster: match answers {
                true => Ok(ClusterFacts::default()),
                false => Err(Refusal::of(ErrorCode::OperationTimedOut)),
            },
            troubles: troubles.iter().map(trouble).collect(),
            topics: Vec::new(),
            group: Ok(None),
        }
    }

    fn said(sides: &[(&'static str, &Findings)]) -> Vec<Finding> {
        let sides: Vec<Side<'_>> = sides
            .iter()
            .map(|(name, findings)| Side { name, findings })
            .collect();
        findings(&sides, Duration::from_secs(4))
    }

    #[test]
    fn one_cause_of_both_sides_is_one_line() {
        let down = findings_of(&[("a:1", false, "wrong password")], false);
        let lines = said(&[("[consumer]", &down), ("[sink]", &down)]);
        let [Finding::Wrong(line)] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert!(
            line.starts_with("[consumer], [sink]: broker a:1: wrong password; check sasl."),
            "{line}"
        );
    }

    #[test]
    fn a_broker_that_records_need_is_a_problem_and_a_spare_address_is_not() {
        let spare = findings_of(&[("a:1", false, "refused")], true);
        assert!(matches!(
            &said(&[("[sink]", &spare)])[1],
            Finding::Notice(_)
        ));
        let member = findings_of(&[("a:1", true, "refused")], true);
        let lines = said(&[("[sink]", &member)]);
        assert!(
            matches!(&lines[1], Finding::Wrong(line) if line.contains("that the cluster gives"))
        );
    }

    #[test]
    fn silence_without_a_cause_is_told() {
        let silent = findings_of(&[], false);
        let lines = said(&[("[consumer]", &silent)]);
        assert!(
            matches!(&lines[..], [Finding::Wrong(line)] if line.contains("within 4s")),
            "{lines:?}"
        );
    }
}
