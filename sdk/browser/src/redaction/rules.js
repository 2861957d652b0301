// Made by scripts/rules.mjs from libs/common/redaction/rules.json: change that file.
export const MARK = "[REDACTED]";
export const WORDS = "social_security|encryption_key|amz_signature|authorization|connect_sid|pass_phrase|private_key|session_key|signing_key|access_key|admin_pass|credential|master_key|mysql_pass|redis_pass|pass_code|pass_word|root_pass|smtp_pass|user_pass|api_key|db_pass|pass_wd|sess_id|ssh_key|cookie|secret|token|pwd";
export const SHORT_WORDS = "csrf|cvc2|cvv2|totp|xsrf|cvc|cvv|otp|ssn";
export const RUN_ON = "hash|value|confirm|confirmation|again|repeat|old|new|text|plain|key|id";
export const DESCRIPTORS = "type|types|kind|strength|policy|policies|name|names|status|state|endpoint|format|version|provider|issuer|method|scheme|algorithm|alg|lifetime|enabled|disabled|required|optional|valid|invalid|expired|missing|rotation|consent|banner|label|placeholder|error|errors|exception|service|manager|handler|parser|validator|factory|controller|interceptor|middleware|js|jsx|mjs|cjs|ts|tsx|vue|css|html|py|java|kt|go|rs|rb|php|cs";
export const SCALAR_DESCRIPTORS = "count|counts|length|len|size|bytes|in|at|on|used|usage|limit|limits|max|min|total|age|index|expires|expiry|expiration|exp|ttl|remaining|left|reset|changed|updated|created|set|present|exists|verified|attempts|retries|rate|budget|cost|score|position|line|column|offset|date|time|ms|seconds|days|minutes|hours";
export const SCALAR_HEADS = "has|is|max|min|num|number|n|total|avg|count|prompt|completion|input|output|cached|reasoning|needs|requires|require|should|show|hide|with|uses|use";
export const PATTERNS = {
  "jwt": "eyJ[\\w\\-.]+",
  "bearer": "bearer[ \\t]{1,4}[A-Za-z\\d._~+/=\\-]+",
  "basic": "basic[ \\t]{1,4}[\\w+/=\\-]+",
  "private_key": "-----BEGIN (?:PRIVATE|RSA PRIVATE|DSA PRIVATE|EC PRIVATE|OPENSSH PRIVATE|ENCRYPTED PRIVATE|PGP PRIVATE) KEY(?: BLOCK)?-----",
  "url_credentials": "://[^ \\t\\r\\n/?#\"'<>\\\\@]{0,1024}@[^ \\t\\r\\n/?#\"'<>\\\\]*",
  "digits": "\\d[\\d \\-]{8,}",
  "ssn": "(?:ssn|social[_\\-. ]?security)[^\\d\\r\\n\\[]{1,24}\\d{3}[ \\-]?\\d{2}[ \\-]?\\d{4}",
  "iban": "[A-Z]{2}\\d{2}(?: ?[A-Z\\d]){11,30}"
};
export const SEPARATOR = "[_\\-. \\[\\]]{0,2}";
export const NAME_TAIL = /[\w.\-]{0,40}/y;
export const SIGN = /(?:(?:%5[Dd]|\])?[\\"']{0,6}[ \t]{0,4}(?:={1,3}>?|:=|:)[ \t]{0,4}|%5[Dd]%3[DdAa]|\]%3[DdAa]|%3[DdAa])/y;
export const CARDS = /^(?:(?=(?:.{13}|.{16}|.{19})$)(?:4)|(?=.{16}$)(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|60)|(?=.{15}$)(?:34|37)|(?=.{16,19}$)(?:6011|64[4-9]|65|352[89]|35[3-8]|62|81|220[0-4])|(?=(?:.{14}|.{16})$)(?:30[0-5]|3095|36|3[89])|(?=.{13,19}$)(?:5018|5020|5038|5893|6304|6759|676[0-3]))/;
export const ACCOUNTS = "15NO16BE18DKFIFOGLNL19MKSI20ATBAEEKZLTLUXK21CHHRLILV22BGBHCRDEGBGEIEMERSVA23AEGIILIQ24ADCZESMDPKROSASESKTNVG25PT26ISTR27FRGRITMCMRSM28ALAZBYCYDOGTHULBPL29BREGPSQAUA30JOKWMU31MTSC32LC";
export const FOLD = [/[\u{AD}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{206F}\u{FEFF}]/u,/[\u{A0}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}]/u,/[\u{2010}-\u{2015}\u{2212}]/u,/[\u{17F}\u{212A}\u{24B6}-\u{24E9}\u{FF01}-\u{FF5E}\u{1D400}-\u{1D7FF}]/u];
