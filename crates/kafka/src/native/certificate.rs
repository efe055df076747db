//! What is wrong with a broker's certificate, in words.

use std::ffi::{c_char, c_int, c_void};

use rdkafka::bindings as sys;

/// Says of a broker's certificate what OpenSSL found wrong with it. librdkafka's own message is the
/// same for an unknown authority, another host's certificate and one that is out of date; the words
/// that are left in `words` come as a log line with the certificate's names. What OpenSSL refuses stays
/// refused.
///
/// # Safety
/// Called by librdkafka: `error` points to OpenSSL's code, `words` to `words_len` bytes that are ours
/// to fill.
pub(super) unsafe extern "C" fn judge(
    _client: *mut sys::rd_kafka_t,
    _broker: *const c_char,
    _broker_id: i32,
    error: *mut c_int,
    _depth: c_int,
    _certificate: *const c_char,
    _certificate_len: usize,
    words: *mut c_char,
    words_len: usize,
    _opaque: *mut c_void,
) -> c_int {
    // SAFETY: what the caller promises.
    let code = unsafe { *error };
    if code == 0 {
        return 1;
    }
    let said = fault(code);
    let said = &said.as_bytes()[..said.len().min(words_len.saturating_sub(1))];
    // SAFETY: `said` is at least one byte shorter than the room, so that the final zero fits.
    unsafe {
        words.copy_from_nonoverlapping(said.as_ptr().cast(), said.len());
        if words_len > 0 {
            *words.add(said.len()) = 0;
        }
    }
    0
}

/// What OpenSSL's verification code means (`x509_vfy.h`), and what to do.
fn fault(code: c_int) -> String {
    let words = match code {
        9 => "it is not valid yet; look at its dates and at this machine's clock",
        10 => "it has expired; renew it, or look at this machine's clock",
        18 => "it is signed by itself; name it in ssl.ca.location",
        19 => {
            "its chain ends at an authority that we do not know; name that authority in ssl.ca.location"
        }
        20 | 21 => {
            "the authority that signed it is not known; name that authority in ssl.ca.location, and \
             let the broker send its intermediate certificates"
        }
        23 => "it was revoked",
        26 => "it was not made for a server",
        62 | 64 => {
            "it is another host's; connect to a name that stands in it (bootstrap.servers and the brokers' \
             advertised.listeners)"
        }
        66 | 67 => "its key, or that of its authority, is too short",
        68 => "its authority's signature is of a kind that is not safe any more",
        _ => return format!("OpenSSL's verification error {code}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    fn judged(code: c_int, room: usize) -> (c_int, String) {
        let mut words = vec![0x7f; room];
        let mut code = code;
        // SAFETY: `code` and `words` are ours and as large as is said; the other arguments are not read.
        let verdict = unsafe {
            judge(
                ptr::null_mut(),
                ptr::null(),
                1,
                &mut code,
                0,
                ptr::null(),
                0,
                words.as_mut_ptr().cast(),
                words.len(),
                ptr::null_mut(),
            )
        };
        let end = words.iter().position(|byte| *byte == 0).unwrap_or(0);
        (verdict, String::from_utf8_lossy(&words[..end]).into_owned())
    }

    #[test]
    fn a_certificate_that_openssl_refuses_stays_refused_and_is_explained() {
        assert_eq!(judged(0, 512).0, 1);
        for (code, words) in [(10, "expired"), (20, "authority"), (62, "another host's")] {
            let (verdict, said) = judged(code, 512);
            assert_eq!(verdict, 0);
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(
            judged(999, 512),
            (0, "OpenSSL's verification error 999".to_owned())
        );
    }

    #[test]
    fn words_stay_within_their_room() {
        assert_eq!(judged(10, 7), (0, "it has".to_owned()));
        assert_eq!(judged(10, 0).0, 0);
    }
}
