//! The table of codes: `room.reason`, its class in the error tree and the sentence a stranger may read.

/// A class of the Python error tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the error tree's own, drawn in python/botsec/errors.py")]
pub enum Class {
    SecretNotFoundError,
    SecretAccessError,
    SecretStaleError,
    InputError,
    PolicyError,
    InsecureUrlError,
    RouteNotAllowedError,
    HostNotAllowedError,
    AddressBlockedError,
    RedirectRefusedError,
    ThrottledError,
    TransportError,
    ConnectError,
    TlsError,
    RequestTimeoutError,
    ProtocolError,
    ResponseTooLargeError,
    StatusError,
    AuthFailedError,
    ForbiddenError,
    RateLimitedError,
    InternalError,
    /// Wrong use by the programmer: Python's own `TypeError`.
    TypeError,
    /// Wrong use by the programmer: Python's own `ValueError`.
    ValueError,
}

macro_rules! codes {
    ($($variant:ident, $code:literal, $class:ident, $message:expr;)*) => {
        /// An error code. Its text never changes once released.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each variant is its text")]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code, for tests and documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as `room.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code,)* }
            }

            /// The code that reads so, for callers that hold its text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().find(|code| code.as_str() == text).copied()
            }

            /// The class of the error tree.
            pub const fn class(self) -> Class {
                match self { $(Code::$variant => Class::$class,)* }
            }

            /// What a stranger may read.
            pub const fn user_message(self) -> &'static str {
                match self { $(Code::$variant => $message,)* }
            }
        }
    };
}

const CONFIGURED: &str = "This action is not available. Please contact the operator.";
const REFUSED: &str = "This request is not allowed.";
const INPUT: &str = "A value was not accepted. Please check it and try again.";
const UNREACHABLE: &str = "The service cannot be reached. Please try again later.";
const SLOW: &str = "The service took too long to answer. Please try again later.";
const STRANGE: &str = "The service gave an answer that cannot be used. Please try again later.";
const BUSY: &str = "The service is busy. Please try again later.";
const FAILED: &str = "The service could not do this. Please try again later.";
const INTERNAL: &str = "An internal error occurred. Please try again later.";

codes! {
    SecretNotFound, "secret.not_found", SecretNotFoundError, CONFIGURED;
    SecretAccess, "secret.access", SecretAccessError, CONFIGURED;
    SecretStale, "secret.stale", SecretStaleError, CONFIGURED;
    SecretHostNotAllowed, "secret.host_not_allowed", HostNotAllowedError, REFUSED;
    SecretRevealForbidden, "secret.reveal_forbidden", SecretAccessError, CONFIGURED;
    SecretBounds, "secret.bounds", PolicyError, REFUSED;
    SecretExpired, "secret.expired", PolicyError, REFUSED;
    InputField, "input.field", InputError, INPUT;
    InputPath, "input.path", InputError, INPUT;
    InputHeader, "input.header", InputError, INPUT;
    InputParameter, "input.parameter", InputError, INPUT;
    InputBody, "input.body", InputError, INPUT;
    InputUrl, "input.url", InputError, INPUT;
    InputMessage, "input.message", InputError, INPUT;
    InputValue, "input.value", InputError, INPUT;
    PolicyInsecureUrl, "policy.insecure_url", InsecureUrlError, REFUSED;
    PolicyRouteNotAllowed, "policy.route_not_allowed", RouteNotAllowedError, REFUSED;
    PolicyHostNotAllowed, "policy.host_not_allowed", HostNotAllowedError, REFUSED;
    PolicyAddressBlocked, "policy.address_blocked", AddressBlockedError, REFUSED;
    PolicyRedirectRefused, "policy.redirect_refused", RedirectRefusedError, REFUSED;
    PolicyContentType, "policy.content_type", PolicyError, REFUSED;
    NetworkAddressNotAllowed, "network.address_not_allowed", PolicyError, REFUSED;
    NetworkKeyNotAllowed, "network.key_not_allowed", PolicyError, REFUSED;
    NetworkNoAddress, "network.no_address", InputError, INPUT;
    ThrottleMaxWait, "throttle.max_wait", ThrottledError, BUSY;
    ThrottleQueueFull, "throttle.queue_full", ThrottledError, BUSY;
    ThrottleStoreDown, "throttle.store_down", ThrottledError, BUSY;
    ThrottleCircuitOpen, "throttle.circuit_open", ThrottledError, BUSY;
    ThrottleServerWait, "throttle.server_wait", RateLimitedError, BUSY;
    ThrottleInvalidRequests, "throttle.invalid_requests", ThrottledError, BUSY;
    TransportConnect, "transport.connect", ConnectError, UNREACHABLE;
    TransportDns, "transport.dns", ConnectError, UNREACHABLE;
    TransportTls, "transport.tls", TlsError, UNREACHABLE;
    TransportTlsSetup, "transport.tls_setup", TlsError, CONFIGURED;
    TransportTimeout, "transport.timeout", RequestTimeoutError, SLOW;
    TransportConnectTimeout, "transport.connect_timeout", RequestTimeoutError, SLOW;
    TransportReadTimeout, "transport.read_timeout", RequestTimeoutError, SLOW;
    TransportProtocol, "transport.protocol", ProtocolError, STRANGE;
    TransportTruncated, "transport.truncated", ProtocolError, STRANGE;
    TransportDecoding, "transport.decoding", ProtocolError, STRANGE;
    TransportJson, "transport.json", ProtocolError, STRANGE;
    TransportSchema, "transport.schema", ProtocolError, STRANGE;
    TransportClosed, "transport.closed", TransportError, UNREACHABLE;
    TransportTooLarge, "transport.too_large", ResponseTooLargeError, STRANGE;
    TransportExpansion, "transport.expansion", ResponseTooLargeError, STRANGE;
    StatusOther, "status.error", StatusError, FAILED;
    StatusRedirect, "status.redirect", StatusError, FAILED;
    StatusCheck, "status.check", StatusError, FAILED;
    StatusAuthFailed, "status.auth_failed", AuthFailedError, CONFIGURED;
    StatusForbidden, "status.forbidden", ForbiddenError, REFUSED;
    StatusRateLimited, "status.rate_limited", RateLimitedError, BUSY;
    Internal, "internal.panic", InternalError, INTERNAL;
    UsageType, "usage.type", TypeError, INTERNAL;
    UsageValue, "usage.value", ValueError, INTERNAL;
    UsageClosed, "usage.closed", ValueError, INTERNAL;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_unique_and_reads_room_reason() {
        let texts: HashSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(texts.iter().all(|t| t.split('.').count() == 2 && !t.contains(' ')));
    }

    #[test]
    fn a_code_is_found_by_its_text() {
        assert!(Code::ALL.iter().all(|code| Code::parse(code.as_str()) == Some(*code)));
        assert_eq!(Code::parse("network.nothing"), None);
    }
}
