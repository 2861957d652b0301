// Made by scripts/rules.mjs from libs/common/redaction/rules.json: change that file.
/* eslint-disable */
export const MARK = "[REDACTED]";
export const WORDS =
  "social_security encryption_key amz_signature authorization connect_sid pass_phrase private_key session_key signing_key access_key admin_pass credential master_key mysql_pass redis_pass pass_code pass_word root_pass smtp_pass user_pass api_key db_pass pass_wd sess_id ssh_key cookie secret token pwd";
export const SHORT_WORDS = "csrf|cvc2|cvv2|totp|xsrf|cvc|cvv|otp|ssn";
export const RUN_ON = "hash value confirm confirmation again repeat old new text plain key id";
export const DESCRIPTORS =
  "type types kind strength policy policies name names status state endpoint format version provider issuer method scheme algorithm alg lifetime enabled disabled required optional valid invalid expired missing rotation consent banner label placeholder error errors exception service manager handler parser validator factory controller interceptor middleware js jsx mjs cjs ts tsx vue css html py java kt go rs rb php cs";
export const SCALAR_DESCRIPTORS =
  "count counts length len size bytes in at on used usage limit limits max min total age index expires expiry expiration exp ttl remaining left reset changed updated created set present exists verified attempts retries rate budget cost score position line column offset date time ms seconds days minutes hours";
export const SCALAR_HEADS =
  "has is max min num number n total avg count prompt completion input output cached reasoning needs requires require should show hide with uses use";
export const PATTERNS = [
  ["jwt", "eyJ[A-Za-z0-9_\\-.]+", "y", "jwt"],
  ["bearer", "bearer[ \\t]{1,4}[A-Za-z0-9._~+/=\\-]+", "iy", "bearer"],
  ["basic", "basic[ \\t]{1,4}[A-Za-z0-9_+/=\\-]+", "iy", "basic"],
  [
    "private_key",
    "-----BEGIN (?:PRIVATE|RSA PRIVATE|DSA PRIVATE|EC PRIVATE|OPENSSH PRIVATE|ENCRYPTED PRIVATE|PGP PRIVATE) KEY(?: BLOCK)?-----",
    "y",
    "private_key",
  ],
  [
    "url_credentials",
    "://[^ \\t\\r\\n/?#\"'<>\\\\@]{0,1024}@[^ \\t\\r\\n/?#\"'<>\\\\]*",
    "y",
    "url_credentials",
  ],
  ["digits", "[0-9][0-9 \\-]{8,}", "y", "digits"],
  [
    "ssn",
    "(?:ssn|social[_\\-. ]?security)[^0-9\\r\\n\\[]{1,24}[0-9]{3}[ \\-]?[0-9]{2}[ \\-]?[0-9]{4}",
    "iy",
    "ssn_context",
  ],
  ["iban", "[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}", "y", "iban"],
];
export const SEPARATOR = "[_\\-. \\[\\]]{0,2}";
export const NAME_TAIL = "[A-Za-z0-9_.\\-]{0,40}";
export const SIGN =
  "(?:(?:%5[Dd]|\\])?[\\\\\"']{0,6}[ \\t]{0,4}(?:={1,3}>?|:=|:)[ \\t]{0,4}|%5[Dd]%3[DdAa]|\\]%3[DdAa]|%3[DdAa])";
export const CANDIDATES = [
  "(?:{words})",
  "(?:[^A-Za-z]|\\\\n)(?:{short_words})[^a-z]",
  "[a-z](?:O[tT][pP]|T[oO][tT][pP]|S[sS][nN]|C[vV][vVcC]|[CX][sS][rR][fF])[^a-z]",
  "(?:[bB][eE][aA][rR][eE][rR]|[bB][aA][sS][iI][cC])[ \\t\\xC2\\xE2\\xE3]",
  "eyJ[A-Za-z0-9_\\-]",
  "-----BEGIN ",
  "://[^ \\t\\r\\n/?#\"'<>\\\\@]*@",
  "(?:[^0-9A-Za-z\\-.]|[^0-9]\\.|\\\\n)[2-68](?:[ \\-]?[0-9]){12,18}[^0-9A-Za-z]",
  "(?:[^0-9]|\\\\n)-[2-68](?:[0-9]{12}|[0-9]{1,6} [0-9]{2})",
  "[0-9]{3}-[0-9]{2}-[0-9]{4}",
  "[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11}",
];
export const CARDS =
  "4-4:13,16,19 51-55:16 2221-2720:16 34-34:15 37-37:15 6011-6011:16,17,18,19 644-659:16,17,18,19 300-305:14,16 3095-3095:14,16 36-36:14,16 38-39:14,16 3528-3589:16,17,18,19 62-62:16,17,18,19 81-81:16,17,18,19 2200-2204:16,17,18,19 5018-5018:13,14,15,16,17,18,19 5020-5020:13,14,15,16,17,18,19 5038-5038:13,14,15,16,17,18,19 5893-5893:13,14,15,16,17,18,19 6304-6304:13,14,15,16,17,18,19 6759-6763:13,14,15,16,17,18,19 60-60:16";
export const IBAN_LENGTHS =
  "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27TN24TR26UA29VA22VG24XK20";
export const FOLD = [
  ["", "4t-4t 6bv-6bz 6cq-6cu 6e8-6en 1edb-1edb"],
  [" ", "4g-4g 6bk-6bu 6cv-6cv 6e7-6e7 9hc-9hc"],
  ["-", "6c0-6c5 6qa-6qa"],
  [0, "an-an 6ju-6ju 792-7ah 1edd-1efy 2kg0-2l8f"],
];
