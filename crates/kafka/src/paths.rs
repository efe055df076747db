//! Properties of librdkafka that name files.

use std::path::Path;

use crate::properties::Properties;

/// Properties whose value is a file or directory.
const PATHS: [&str; 11] = [
    "https.ca.location",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// Libraries, separated by semicolons. One without a directory is looked for where the system keeps its own.
const LIBRARIES: &str = "plugin.library.paths";

/// In place of an authority's file: librdkafka looks where systems keep theirs.
const PROBE: &str = "probe";

impl Properties {
    /// Makes the files that they name start at `directory`, unless they are written from the root on: without
    /// this, librdkafka looks for them where the process was started.
    pub fn start_paths_at(&mut self, directory: &Path) {
        let join = |path: &str| directory.join(path).to_string_lossy().into_owned();
        for name in PATHS {
            if let Some(path) = self.0.get_mut(name)
                && path != PROBE
                && !path.is_empty()
            {
                *path = join(path);
            }
        }
        if let Some(libraries) = self.0.get_mut(LIBRARIES) {
            let each = libraries.split(';').map(|path| match path.contains('/') {
                true => join(path),
                false => path.to_owned(),
            });
            *libraries = each.collect::<Vec<String>>().join(";");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::property_names;

    /// Named like paths, and none of ours: Java's, which librdkafka refuses, and a way of keeping offsets
    /// that nobody uses here.
    const NOT_OURS: [&str; 2] = ["ssl.truststore.location", "offset.store.path"];

    #[test]
    fn every_property_that_is_named_like_a_path_is_known_as_one() {
        let is_path = |name: &String| {
            ["location", "file", "keytab", "path", "paths"]
                .iter()
                .any(|last| name.rsplit('.').next() == Some(last))
        };
        let named: Vec<String> = property_names().into_iter().filter(is_path).collect();
        assert!(named.len() > 5, "{named:?}");
        for name in &named {
            let name = name.as_str();
            let is_known = PATHS.contains(&name) || name == LIBRARIES || NOT_OURS.contains(&name);
            assert!(
                is_known,
                "{name} is a path that would start at the working directory"
            );
        }
    }

    #[test]
    fn paths_start_at_the_directory_and_nothing_else_changes() {
        let mut properties = Properties::of([
            ("ssl.ca.location", "ca.pem"),
            ("ssl.key.location", "/etc/key.pem"),
            ("https.ca.location", "probe"),
            ("sasl.kerberos.keytab", "../k"),
            ("plugin.library.paths", "monitoring;./own.so"),
            ("client.id", "ca.pem"),
            ("ssl.ca.pem", "ca.pem"),
        ]);
        properties.start_paths_at(Path::new("/etc/till"));
        let expected = Properties::of([
            ("ssl.ca.location", "/etc/till/ca.pem"),
            ("ssl.key.location", "/etc/key.pem"),
            ("https.ca.location", "probe"),
            ("sasl.kerberos.keytab", "/etc/till/../k"),
            ("plugin.library.paths", "monitoring;/etc/till/./own.so"),
            ("client.id", "ca.pem"),
            ("ssl.ca.pem", "ca.pem"),
        ]);
        assert_eq!(properties, expected);
    }
}
