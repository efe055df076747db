//! What exactly once needs of input and output together.

use tillwatch_consumer::{ConsumerSettings, Properties};
use tillwatch_sink::SinksSettings;

use super::topics::brokers;

/// Refuses outputs in transactions where these could not hold the offsets of the input: it is read from
/// another cluster, or in a way that does not wait for open transactions.
pub fn check(
    consumer: Option<&ConsumerSettings>,
    sinks: &SinksSettings,
    shared: &Properties,
) -> Result<(), (&'static str, String)> {
    let once = sinks.0.iter().find(|sink| sink.is_exactly_once());
    let (Some(sink), Some(consumer)) = (once, consumer) else {
        return Ok(());
    };
    let read = consumer.properties.over(shared);
    let written = sink.properties.over(shared);
    if brokers(&read).is_disjoint(&brokers(&written)) {
        let reason = format!(
            "delivery = \"exactly_once\" needs input and outputs on one cluster, and [consumer] reads from {} \
             while the sink writes to {}; give both the same bootstrap.servers, or write at least once",
            read.brokers(),
            written.brokers()
        );
        return Err(("[sink.kafka]", reason));
    }
    let is_committed = |level: &str| level.trim().eq_ignore_ascii_case("read_committed");
    if !read.get("isolation.level").is_none_or(is_committed) {
        let reason = "delivery = \"exactly_once\" needs isolation.level = read_committed in [consumer.properties]: \
                      else offsets of an open transaction are not waited for; remove it";
        return Err(("[sink.kafka]", reason.to_owned()));
    }
    Ok(())
}

/// The transactional id of a sink that names none: the group's, of this instance.
pub fn transactional_id(consumer: &ConsumerSettings, shared: &Properties) -> String {
    let properties = consumer.properties.over(shared);
    let instance = properties.get("group.instance.id").map(str::to_owned);
    let instance = instance.unwrap_or_else(|| {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    });
    format!("{}.{instance}", consumer.group)
}

#[cfg(test)]
mod tests {
    use tillwatch_sink::{Delivering, KafkaSettings, SinkKind, SinkSettings};

    use super::*;

    fn checked(consumer: &[(&str, &str)], sink: &[(&str, &str)]) -> Result<(), String> {
        let shared = Properties::of([("bootstrap.servers", "k1:9092,k2")]);
        let properties = Properties::of(consumer.iter().copied());
        let consumer = ConsumerSettings::new(vec!["a".to_owned()], "g", properties);
        let mut settings = SinkSettings::new(SinkKind::Kafka);
        settings.kafka = Some(KafkaSettings {
            delivery: Delivering::ExactlyOnce,
            ..KafkaSettings::default()
        });
        settings.properties = Properties::of(sink.iter().copied());
        let checked = check(Some(&consumer), &SinksSettings(vec![settings]), &shared);
        checked.map_err(|(table, reason)| format!("{table}: {reason}"))
    }

    #[test]
    fn input_and_outputs_are_on_one_cluster() {
        assert_eq!(checked(&[], &[]), Ok(()));
        assert_eq!(checked(&[], &[("bootstrap.servers", "K2:9092")]), Ok(()));
        let said = checked(&[], &[("bootstrap.servers", "elsewhere")]).unwrap_err();
        assert!(
            said.contains("from k1:9092,k2 while the sink writes to elsewhere"),
            "{said}"
        );
    }

    #[test]
    fn offsets_of_open_transactions_are_waited_for() {
        assert_eq!(
            checked(&[("isolation.level", "read_committed")], &[]),
            Ok(())
        );
        let said = checked(&[("isolation.level", "read_uncommitted")], &[]).unwrap_err();
        assert!(said.contains("isolation.level"), "{said}");
    }

    #[test]
    fn an_instance_has_a_transactional_id_of_its_own() {
        let id = |properties: &[(&str, &str)]| {
            let properties = Properties::of(properties.iter().copied());
            let consumer = ConsumerSettings::new(vec!["a".to_owned()], "g", properties);
            transactional_id(&consumer, &Properties::default())
        };
        assert_eq!(id(&[("group.instance.id", "till-3")]), "g.till-3");
        let of_host = id(&[]);
        assert!(of_host.starts_with("g.") && of_host.len() > 2, "{of_host}");
    }
}
