//! Endpoints that a source names: another address of its manager, such as that of a private link.
//!
//! A source's `endpoint=` is https like every address; the servers of `botsec.testing` speak TLS too.

use super::Place;
use crate::error::Error;
use crate::fork::Lock;

/// The parameter's name.
pub(super) const PARAM: &str = "endpoint";
/// Endpoints whose connections are shared; beyond it the one that came first is no longer looked up.
const MOST: usize = 64;

/// What was made for each endpoint, for all secrets there.
pub(super) struct ByEndpoint<T>(Lock<Vec<(String, T)>>);

impl<T> Default for ByEndpoint<T> {
    fn default() -> Self {
        Self(Lock::default())
    }
}

impl<T: Clone> ByEndpoint<T> {
    /// What belongs to `base`, made when it is asked for the first time.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn get(&self, base: &str, make: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let known = |held: &[(String, T)]| held.iter().find(|(url, _)| url == base).map(|(_, found)| found.clone());
        if let Some(found) = known(&self.0.lock()) {
            return Ok(found);
        }
        let made = make()?;
        let mut held = self.0.lock();
        // Of two that were made at once the first stays.
        if let Some(found) = known(&held) {
            return Ok(found);
        }
        let oldest = (held.len() >= MOST).then(|| held.remove(0));
        held.push((base.to_owned(), made.clone()));
        // What ends with it may take a lock of its own.
        drop(held);
        drop(oldest);
        Ok(made)
    }

    /// What belongs to the endpoint that `place` names; `None` where it names none.
    ///
    /// # Errors
    /// Those of `make`; they name the parameter and do not repeat what it holds.
    pub(super) fn of(&self, place: &Place, make: impl FnOnce(&str) -> Result<T, Error>) -> Option<Result<T, Error>> {
        place.param(PARAM).map(|base| self.get(base, || make(base)).map_err(|error| renamed(error, PARAM)))
    }
}

/// A complaint about a base URL under the name that the user gave it.
pub(super) fn renamed(error: Error, name: &str) -> Error {
    let said = error.user_message().replace("base_url", name);
    error.saying(said)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn one_is_made_for_each_endpoint_and_the_list_has_an_end() {
        let ends = ByEndpoint::default();
        let mut made = 0;
        for round in 0..3 {
            for n in 0..MOST {
                ends.get(&format!("https://h{n}"), || {
                    made += 1;
                    Ok(n)
                })
                .unwrap();
            }
            assert_eq!(made, MOST, "{round}");
        }
        assert_eq!(ends.get("https://more", || Ok(1000)).unwrap(), 1000);
        assert_eq!(ends.0.lock().len(), MOST);
        assert_eq!(ends.get("https://h0", || Ok(7)).unwrap(), 7);
        assert_eq!(ends.get("https://more", || Ok(8)).unwrap(), 1000);
        assert!(ends.get("https://bad", || Err(Error::new(Code::InputUrl))).is_err());
    }

    /// Takes a lock when it ends, as connections do.
    #[derive(Clone)]
    struct Locks(std::sync::Arc<Lock<u32>>);

    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }

    #[test]
    fn what_leaves_the_list_ends_outside_its_lock() {
        let (ends, ended) = (std::sync::Arc::new(ByEndpoint::default()), std::sync::Arc::new(Lock::new(0)));
        let fill = |base: String| drop(ends.get(&base, || Ok(Locks(ended.clone()))));
        (0..MOST).for_each(|n| fill(format!("https://h{n}")));
        let before = *ended.lock();
        // A fork waits for every lock, and whoever wants a second one waits for the fork.
        let forks = std::thread::spawn(|| {
            for _ in 0..200 {
                crate::fork::before();
                crate::fork::after_in_parent();
            }
        });
        (0..200).for_each(|n| fill(format!("https://other{n}")));
        forks.join().unwrap();
        assert!(*ended.lock() >= before + 200);
    }

    #[test]
    fn only_a_source_that_names_an_endpoint_has_one() {
        let ends: ByEndpoint<String> = ByEndpoint::default();
        let place = |text: &str| Place::parse(text, &["field", PARAM]).unwrap();
        assert!(ends.of(&place("aws-sm:x?field=a"), |_| Ok(String::new())).is_none());
        let given = place("aws-sm:x?endpoint=https%3A%2F%2Fvpce.example.com");
        assert_eq!(ends.of(&given, |base| Ok(base.to_owned())).unwrap().unwrap(), "https://vpce.example.com");
        let plain = place("aws-sm:y?endpoint=https://vpce.example.com:8443");
        assert_eq!(ends.of(&plain, |base| Ok(base.to_owned())).unwrap().unwrap(), "https://vpce.example.com:8443");
        let error = Error::new(Code::InputUrl).saying("`base_url` is odd.");
        let bad = place("aws-sm:y?endpoint=https://other.example.com");
        assert_eq!(ends.of(&bad, |_| Err(error)).unwrap().unwrap_err().user_message(), "`endpoint` is odd.");
    }
}
