//! Transactions that keep coming.

use std::process::{Child, Stdio};

use crate::support::{Setup, tillwatch};

/// Transactions that are sent until it is dropped, whatever becomes of the test.
pub struct Load(Child);

impl Load {
    /// Sends `rate` transactions a second, those of `seed`.
    pub fn start(setup: &Setup, rate: u32, seed: u64) -> Self {
        let load = tillwatch()
            .args(["simulate", "--terminals", "2000", "--duration", "1h"])
            .args(["--rate", &rate.to_string(), "--seed", &seed.to_string()])
            .args(["--brokers", &setup.brokers, "--topic", &setup.topic])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(load.expect("the load starts"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
