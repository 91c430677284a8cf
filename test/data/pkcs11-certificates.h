/* SPDX-License-Identifier: MIT */
#pragma once

/* Certificates for the tests and fuzz targets of the PKCS#11 token, made with openssl req and x509; the keys were thrown
 * away. One issuer, several leaves; to be put together to chains. */

/* RSA-2048, with a subject key identifier, serial 80a1b2c3d4e5f601 */
#define TEST_PEM_RSA \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIIDLjCCAhagAwIBAgIJAIChssPU5fYBMA0GCSqGSIb3DQEBCwUAMDExDTALBgNV\n" \
        "BAoMBFRlc3QxIDAeBgNVBAMMF1Rva2VuIFRlc3QgSW50ZXJtZWRpYXRlMCAXDTI2\n" \
        "MTEyNDExNDk0MVoYDzIxMjYxMDMxMTE0OTQxWjARMQ8wDQYDVQQDDAZkZXZpY2Uw\n" \
        "ggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC70qMBPSons26V0qCQRhIa\n" \
        "LTW+pWhLoPdI7raVZzpEPU8+n31bnOWg1c7OjNvMAmUcC4xt6pTxE7FcpL4nWCUe\n" \
        "9UHtc1b5H2Q6OfRIaToQ9rwBaoDAunx+t5MYppZ8tjLmYKHiCzYha097i1O1mHvT\n" \
        "aTre1u8ZngSsUKWaHaYvUJD5wccz2Lxu1s20GrSfzGGg/q3jUSHXgkBiwV51YqKg\n" \
        "nTu11noGCM5nzExkueE5OLR0+Es3ZgsHlCWimI0ZBK9EiBpPAjPBcvOutAFPn8kW\n" \
        "RUCFgQBuzCDXtK3vtRe0M/ZJlXrw63bQJfjM6ygM9XN+104n13suKksSV8KsaY7J\n" \
        "AgMBAAGjZzBlMB0GA1UdDgQWBBRF014NLIDVuM0BuLnTJeZFiez6JjAfBgNVHSME\n" \
        "GDAWgBTopzJZkmF34eIfuq/pVFRBniHh1jAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0l\n" \
        "BAwwCgYIKwYBBQUHAwIwDQYJKoZIhvcNAQELBQADggEBAFVRPBHY/EhGTsgCUWgg\n" \
        "oPKPkIP7nLzj4PzAsd+RupszUfaZvc4VMzEGhU3KnqzuL5lX/DhiwalQc7at8MN7\n" \
        "rrIJLXq6GfIdjMHiJHHDiU/kXjB2uBgXo6VvJcc294MO2y4RjVVwKit3J+/LEWuZ\n" \
        "pQ4jAdr9xflj2NnizywEJLmg3Ij5DFJifIMJ1NE+gzw+7pV3HtyIcnWYCl5eFcz2\n" \
        "Mjij+Jxw9aQMbL6ODIJN/p7NFeJdWMXI2+uQQz6kDhoiEOK3Nx4WhgAMFtWkGpo2\n" \
        "HZCRFOoWY2zrKWsM9Du7wtJSwmORy/Wss7FVLucxk4jEVBa8XZAzAGBaXIw2CGpb\n" \
        "yGY=\n" \
        "-----END CERTIFICATE-----\n"

/* P-256, serial 22 */
#define TEST_PEM_EC \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIICWzCCAUOgAwIBAgIBIjANBgkqhkiG9w0BAQsFADAxMQ0wCwYDVQQKDARUZXN0\n" \
        "MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTAgFw0yNjExMjQxMTQ5\n" \
        "NDFaGA8yMTI2MTAzMTExNDk0MVowETEPMA0GA1UEAwwGZGV2aWNlMFkwEwYHKoZI\n" \
        "zj0CAQYIKoZIzj0DAQcDQgAEk6QxTjBjvbnTZrznzNGmapAbQ0JZuqcJ5V4T34+L\n" \
        "wvWmtfoXT4dApGS6ppnL1gksZYSowzJlDrNGQzkckW6tV6NnMGUwHQYDVR0OBBYE\n" \
        "FPaeFcEhQ6mXnWKjRjnLUAulVWEYMB8GA1UdIwQYMBaAFOinMlmSYXfh4h+6r+lU\n" \
        "VEGeIeHWMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjANBgkq\n" \
        "hkiG9w0BAQsFAAOCAQEAfw+36bLbB8He97m1XMBvlpzGnhE6RPatHlBED800n4AU\n" \
        "Mslb4g6wO42yKDC6paP6S+jD6HUIXkRvaBSG2gNYK5ksp4BBShl9NEctac5fBmNS\n" \
        "AVl/xI2zBWyOu0JZovpxxQXR/0c5r0Z32/8Ec3Qbrnr/bUkchtXKz2PIguwhevPp\n" \
        "5EE0e5jK2NnJm22+SbvT85zXF0+Y+t9bczzNeMz0T8EmUjN7Ge6W7BxUTF10CMGM\n" \
        "JRm4cARIKJxWB9CGAWdQRBqv6mkdl/9ee34+wDOrX74NV7MA6EgfBm1CoWFs9fOC\n" \
        "dlA7ujILOuk7FG+xxd4TSLO95ZccKAeLvdmtSjcElQ==\n" \
        "-----END CERTIFICATE-----\n"

/* the same key, serial 23, without a subject key identifier */
#define TEST_PEM_EC2 \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIICGTCCAQGgAwIBAgIBIzANBgkqhkiG9w0BAQsFADAxMQ0wCwYDVQQKDARUZXN0\n" \
        "MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTAgFw0yNjExMjQxMTQ5\n" \
        "NDFaGA8yMTI2MTAzMTExNDk0MVowEzERMA8GA1UEAwwIZGV2aWNlIDIwWTATBgcq\n" \
        "hkjOPQIBBggqhkjOPQMBBwNCAASTpDFOMGO9udNmvOfM0aZqkBtDQlm6pwnlXhPf\n" \
        "j4vC9aa1+hdPh0CkZLqmmcvWCSxlhKjDMmUOs0ZDORyRbq1XoyMwITAfBgNVHSME\n" \
        "GDAWgBTopzJZkmF34eIfuq/pVFRBniHh1jANBgkqhkiG9w0BAQsFAAOCAQEAGU1c\n" \
        "1pCTBsNo6qN+J+WNrA8L5SSMZGnmj7wbaIXvB7cXvzJtETECVCvzBP6ojzaae2mB\n" \
        "KaP0bMDYhyBcYYQZhGqhXVpy0pGBj91i8G+px4mfe8Ok/iBsQOhZbwrapYYPAD3t\n" \
        "wOUJzWfIcRsjasGUVVmnax20T26jZoCm/QUSJCj21FnhBW1OYqhwc4AIBjUU5gyw\n" \
        "u9+o0tfwG7w3eN1jQa2JVgZKjA/0z/6r+dlqdxGmbmDB5OxJIw3TDs6j2dcfRieU\n" \
        "4ZVRMeY8hZB3pHpKHvZ2BOqV/G3/YcqyjL0CrlvOOVsxjANdYa7DBIhMrIQe1c40\n" \
        "Za810xszgiv+O820Gg==\n" \
        "-----END CERTIFICATE-----\n"

/* P-384, serial 24 */
#define TEST_PEM_EC384 \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIICeDCCAWCgAwIBAgIBJDANBgkqhkiG9w0BAQsFADAxMQ0wCwYDVQQKDARUZXN0\n" \
        "MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTAgFw0yNjExMjQxMTQ5\n" \
        "NDFaGA8yMTI2MTAzMTExNDk0MVowETEPMA0GA1UEAwwGZGV2aWNlMHYwEAYHKoZI\n" \
        "zj0CAQYFK4EEACIDYgAEetrKsQ3+4xzLevthmGiU4FDAsppLhBIYbW4Ejb7re+dY\n" \
        "8p7vxFNqCjt+fLJFOzkEe5DrHe/mkEFD1pRc7TX7ALxKBlei1ArfVvEklt6NnN1X\n" \
        "tnsQRU8xHPnD0Of4Hjxro2cwZTAdBgNVHQ4EFgQUf4MtVnZK9eK4oW+KbjOpwcj/\n" \
        "EzcwHwYDVR0jBBgwFoAU6KcyWZJhd+HiH7qv6VRUQZ4h4dYwDgYDVR0PAQH/BAQD\n" \
        "AgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMCMA0GCSqGSIb3DQEBCwUAA4IBAQBfWH14\n" \
        "SCnSL5nQPZUSzMaiKyapJerguCkLakaUVFhIK6ewRDhJewP99skT/jQdDoVV4j/v\n" \
        "gkdTcUg1QJcr+8L9wvPQnLNKH7u3TSWcypNt88KmR3o3tFWniLPKShQYQTYZDFtp\n" \
        "sfzIAxRqnewT3cbfTk4U5/gaf8Ai79mzFGaoEOSBgYtMQy9v8qFhfaOL5s/N9Fq4\n" \
        "7ShchFa3eNQ1ZoOSLhxvTKcCCsVmGo+3M1n/gJddtxDjwg9LMSyflpgBvNvL6BIC\n" \
        "7FN1ezHqswj6qEEhsSQu5AOYhqEInRMdX/UbO8U6dPPTQlacPrKRxqxI7STSuhca\n" \
        "q6x082iDhCroF0FZ\n" \
        "-----END CERTIFICATE-----\n"

/* Ed25519: no device key */
#define TEST_PEM_ED \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIICLDCCARSgAwIBAgIBJTANBgkqhkiG9w0BAQsFADAxMQ0wCwYDVQQKDARUZXN0\n" \
        "MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTAgFw0yNjExMjQxMTQ5\n" \
        "NDFaGA8yMTI2MTAzMTExNDk0MVowETEPMA0GA1UEAwwGZGV2aWNlMCowBQYDK2Vw\n" \
        "AyEA9nO239cVyulEhRBX3nb/hDQ4oC9+kgJ81EF5BB+xGRSjZzBlMB0GA1UdDgQW\n" \
        "BBR6ctjWanIvKY2uHwNRTVJas1fa5TAfBgNVHSMEGDAWgBTopzJZkmF34eIfuq/p\n" \
        "VFRBniHh1jAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYBBQUHAwIwDQYJ\n" \
        "KoZIhvcNAQELBQADggEBAHlyTQVyJB+evfVy9xM+S1ScaxxiAAlp1PfL2OPVpuJH\n" \
        "wxjrk2lcemQeMr3u38JnXWPgRmpn+3FQqfdPiOC43C5vJKpNZJoB31K+lMlJfpcp\n" \
        "NPKwz7trwopy/exnWBn2pceMlYxjx2/mo7+C5mih3TG3FbFNFZC8/w0CoYma5+m3\n" \
        "/MzWi99U3mdewYHpyTtX27b6Bme6M5/FdGtmKbYPGh4X35rphayfQSZLp67UWiDI\n" \
        "iJ6Rk5S0nWsBiLkPk1cAAI+lscCstSSHyFSJVLYB3FbvEKq6JFPg4DYJcmjsSk3W\n" \
        "BIyR4Fb6ftYxaNIPeziBkpACTx9xF7+YAFgDRF5TqHo=\n" \
        "-----END CERTIFICATE-----\n"

/* issuer of them all, RSA-2048 */
#define TEST_PEM_INTER \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIICbDCCAhGgAwIBAgICEAEwCgYIKoZIzj0EAwIwGjEYMBYGA1UEAwwPVG9rZW4g\n" \
        "VGVzdCBSb290MCAXDTI2MTEyNDExNDk0MVoYDzIxMjYxMDMxMTE0OTQxWjAxMQ0w\n" \
        "CwYDVQQKDARUZXN0MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTCC\n" \
        "ASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMwQ+jyA8R2JTbhe3V1jyjKS\n" \
        "wEqKgLz71LinjnxvmrAowIZZVeNP0RKhPAHSy92ollFpwXuTWufzJeekzQJ8SQF/\n" \
        "+svR9e/D8GL1ocSW7hsBbp++jUkuzTliG1fgXQuhvZpc+fjERIc6mEdAFqeDyPUE\n" \
        "mDVTBYT9PfYFqpwTFAw2KJUP/2l16hhx7nBJQOxVr1zuaofz196WdC5Bw4S8sLia\n" \
        "IPP1uDZC4nBkOPpT7SzaGXW3Z7bpbGyfytZMsdDOTaqaT1b2vBV3vLwCPp4ApM2l\n" \
        "DrqJryTB0noOm+mGfu80Hg3NDpGgX/xys03EM2YT7WIIfKzui6d8/z7ehh6H0eUC\n" \
        "AwEAAaNjMGEwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU6KcyWZJhd+HiH7qv\n" \
        "6VRUQZ4h4dYwHwYDVR0jBBgwFoAUYvgkanNsLEC36OO7jWstswqnEHgwDgYDVR0P\n" \
        "AQH/BAQDAgEGMAoGCCqGSM49BAMCA0kAMEYCIQDrAec1Q2+FZW9k/DyQmF607jHi\n" \
        "smtv2Fh2xIWcYnjjYAIhAPSBJAaTbe4YA1Bzu/OfMcjBTcZy2wR8zaJHoxjePDr8\n" \
        "-----END CERTIFICATE-----\n"

/* rsa's key in a certificate that lasts a day */
#define TEST_PEM_RSAOLD \
        "-----BEGIN CERTIFICATE-----\n" \
        "MIIDITCCAgmgAwIBAgIBJjANBgkqhkiG9w0BAQsFADAxMQ0wCwYDVQQKDARUZXN0\n" \
        "MSAwHgYDVQQDDBdUb2tlbiBUZXN0IEludGVybWVkaWF0ZTAeFw0yNjExMjQxMTQ5\n" \
        "NDFaFw0yNjExMjUxMTQ5NDFaMA4xDDAKBgNVBAMMA29sZDCCASIwDQYJKoZIhvcN\n" \
        "AQEBBQADggEPADCCAQoCggEBALvSowE9KiezbpXSoJBGEhotNb6laEug90jutpVn\n" \
        "OkQ9Tz6ffVuc5aDVzs6M28wCZRwLjG3qlPETsVykvidYJR71Qe1zVvkfZDo59Ehp\n" \
        "OhD2vAFqgMC6fH63kximlny2MuZgoeILNiFrT3uLU7WYe9NpOt7W7xmeBKxQpZod\n" \
        "pi9QkPnBxzPYvG7WzbQatJ/MYaD+reNRIdeCQGLBXnVioqCdO7XWegYIzmfMTGS5\n" \
        "4Tk4tHT4SzdmCweUJaKYjRkEr0SIGk8CM8Fy8660AU+fyRZFQIWBAG7MINe0re+1\n" \
        "F7Qz9kmVevDrdtAl+MzrKAz1c37XTifXey4qSxJXwqxpjskCAwEAAaNnMGUwHQYD\n" \
        "VR0OBBYEFEXTXg0sgNW4zQG4udMl5kWJ7PomMB8GA1UdIwQYMBaAFOinMlmSYXfh\n" \
        "4h+6r+lUVEGeIeHWMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcD\n" \
        "AjANBgkqhkiG9w0BAQsFAAOCAQEAxElX64A0JRZK6vVQm6fQ9OYY+YYpl4W1XMZY\n" \
        "NB6QcIwunAwzKvGXAJD1iuF0ge3OqCliXc8nYssXSgagNSP3yCWXpGO5ceu4tUiC\n" \
        "2e9ZqWXRpyBLfX92XFllPvfWgTQgrc5FsXkOI1UgnyIC8ofMcdOB5DPRbjeCJjkY\n" \
        "29SstQt8/g1hkiAZ/z9kLA4ur9NwvdVjsa9e4VV+bWB6p/MwyHWkcBL7J/4Kv+PG\n" \
        "8pXmz5Vu7XmmsF9KypxN4jplev38snvfeZEkHUazJuhZGGdRFxMkgp242TubWpbp\n" \
        "WfBn5tFCAV2uJnvU4Jp4i0xP5/nFDVZ3Q5a92Ow7sbGtIL57zA==\n" \
        "-----END CERTIFICATE-----\n"
