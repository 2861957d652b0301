// Made by scripts/rules.mjs from libs/common/redaction/rules.json: change that file.
export const MARK = "[REDACTED]";
export const WORDS = "pass_(?:word|wd|phrase|code)|pwd|secret|token|credential|authorization|cookie|(?:api|private|access|signing|encryption|master|session|ssh)_key|sess_id|connect_sid|social_security|amz_signature|(?:db|user|smtp|mysql|redis|root|admin)_pass";
export const SHORT_WORDS = "otp|totp|ssn|cvv|cvc|csrf|xsrf";
export const DESCRIBES = /_(?:(types?|names?|status|state|endpoint|version|enabled|required|valid|invalid|expired|missing|consent|errors?|js|ts)|counts?|length|in|at|on|used|limits?|max|min|total|expires|expiry|expiration|ttl|remaining|changed|set)$|^(?:has|is|max|min|total|count)_|(?:^|_)tokens$/i;
export const PATTERNS = /(eyJ[\w\-.]+)|(-----BEGIN [A-Z ]*PRIVATE KEY[^]*?(?:-----END[^]{2,}?-----|$))|(bearer[ \t]{1,4}[A-Za-z\d._~+/=\-]+|basic[ \t]{1,4}[\w+/=\-]+)|(:\/\/[^ \t\r\n/?#"'<>\\@]{0,1024}@[^ \t\r\n/?#"'<>\\]*)|(\d[\d \-]{8})|([A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30})/;
export const SSN = /[^\d\r\n\[]{1,24}(\d{3}[ \-]?\d{2}[ \-]?\d{4})(?![a-z\d]|[.-]\d)/iy;
export const SEPARATOR = "[_\\-. \\[\\]]{0,2}";
export const ASSIGNED = /[\w.\-]{0,40}(?:(?:%5d|\])?[\\"']{0,6}[ \t]{0,4}(?:={1,3}>?|:=|:)[ \t]{0,4}|(?:%5d|\])?%3[da])/iy;
export const CARDS = /^[234568]\d{12,18}$/;
export const FOLD = /(\p{DI})|([\u2010-\u2015\u2212])|[\p{Zs}\u017f\u212a\u24b6-\u24e9\uff01-\uff5e\u{1d400}-\u{1d7ff}]/gu;
