/* SPDX-License-Identifier: MIT */
#pragma once

/* The messages between attezt-agent and attezt-enroll over a SOCK_SEQPACKET socket: one job, then reports until
 * REPORT_DONE. Length-prefixed fields in a fixed order, each with a limit; decoding consumes everything or says
 * -EBADMSG. */
#include "protocol/device-names.h"
#include "protocol/public-key.h"

#define HELPER_WIRE_VERSION 2U
#define HELPER_WIRE_MAX (96U * 1024)      /* bytes of any message */
#define JOB_URL_MAX 1024U
#define JOB_CA_PEM_MAX (64U * 1024)       /* roots that travel with the job */
#define JOB_EAB_KEY_MAX 512U              /* bytes, decoded */
#define JOB_EAB_KID_MAX 256U
#define JOB_KEEP_KEY_ALWAYS INT64_MAX
#define REPORT_TEXT_MAX 2048U

typedef enum JobKind {
        JOB_IDENTIFY = 1, /* read the EK, nothing else */
        JOB_ENROLL = 2,
        JOB_RENEW = 3,    /* everything as recorded */
        JOB_UNENROLL = 4,
        JOB_REACH = 5,    /* look whether the ACME server can be reached; asks no TPM */
} JobKind;

typedef enum JobKey {
        JOB_KEY_DEFAULT = 0, /* as recorded, else P-256 */
        JOB_KEY_P256 = 1,
        JOB_KEY_RSA2048 = 2,
} JobKey;

typedef enum JobEk {
        JOB_EK_DEFAULT = 0, /* as recorded, else RSA-2048, else P-256, else what there is */
        JOB_EK_RSA2048 = 1,
        JOB_EK_P256 = 2,
        JOB_EK_P384 = 3,
        JOB_EK_RSA3072 = 4,
        JOB_EK_RSA4096 = 5,
} JobEk;

/* Strings are malloc'd and may be NULL where they may be empty: empty means "as recorded". */
typedef struct Job {
        JobKind kind;
        char *acme_url;        /* ACME directory's base, without /directory */
        char *attestation_url;
        char *name;            /* to order; empty: what the inventory calls this device */
        JobKey key;
        JobEk ek;
        int64_t lifetime;      /* seconds, 0: the server's default */
        Bytes ca_pem;          /* further TLS roots */
        char *eab_kid;
        Bytes eab_key;         /* secret */
        int64_t keep_key;      /* JOB_RENEW: the recorded key is kept while it is younger than this, in seconds */
        bool revoke;           /* JOB_UNENROLL: ask the CA to revoke first */
} Job;

void job_done(Job *j); /* frees, wipes the EAB key */

typedef enum ReportType {
        REPORT_STEP = 1,
        REPORT_IDENTITY = 2,
        REPORT_DONE = 3,
} ReportType;

typedef enum JobStep {
        STEP_TPM = 1,          /* opening the TPM, reading EKs */
        STEP_AK,               /* creating or loading the AK */
        STEP_ATTEST,           /* at the attestation server */
        STEP_ACCOUNT,
        STEP_ORDER,
        STEP_KEY,              /* creating the device key */
        STEP_CHALLENGE,
        STEP_FINALIZE,
        STEP_DOWNLOAD,
        STEP_STORE,
        STEP_REVOKE,
        STEP_REMOVE,
        _STEP_MAX,
} JobStep;

/* Why a job ended. Each has a name for D-Bus and --json ("unknown-device") from job_outcome_to_string(). */
typedef enum JobOutcome {
        OUTCOME_DONE = 0,
        OUTCOME_NO_TPM,             /* TPM missing, busy or sick */
        OUTCOME_NO_EK,              /* no EK certificate and no EK of the wanted kind */
        OUTCOME_UNREACHABLE,        /* a server cannot be reached: name, address, refused, time */
        OUTCOME_UNTRUSTED_TLS,      /* a server's certificate is not by a known root */
        OUTCOME_UNKNOWN_DEVICE,     /* the attestation server refused at /secret */
        OUTCOME_REFUSED,            /* a server said no: text has its words */
        OUTCOME_WRONG_NAME,         /* the name wanted is not one that the inventory gives this device */
        OUTCOME_WRONG_PROVISIONER,  /* no such ACME directory, or it knows no device-attest-01 */
        OUTCOME_BAD_ANSWER,         /* a server's answer makes no sense */
        OUTCOME_TIMEOUT,
        OUTCOME_NOT_ENROLLED,       /* nothing recorded to renew or remove */
        OUTCOME_INVALID,            /* the job itself */
        OUTCOME_FAILED,             /* anything else: text */
        OUTCOME_WAITING,            /* the attestation server does not know this device yet: a person is asked there */
        _OUTCOME_MAX,
} JobOutcome;

typedef struct Report {
        ReportType type;
        JobStep step;          /* REPORT_STEP */
        JobOutcome outcome;    /* REPORT_DONE */
        bool no_network;       /* REPORT_DONE: no server was reached: no name, no route, no answer */
        uint32_t retry_after;  /* REPORT_DONE: seconds that a server asked to wait; 0: it did not */
        uint8_t ek_hash[32];   /* REPORT_IDENTITY */
        KeyType ek_type;       /* REPORT_IDENTITY */
        bool ek_certificate;   /* REPORT_IDENTITY: has one */
        char text[REPORT_TEXT_MAX]; /* STEP: detail or ""; DONE: for a person, what failed and what to do next */
} Report;

const char *job_step_to_string(JobStep s);       /* "attest" */
const char *job_step_to_text(JobStep s);         /* "Proving the TPM to the attestation server" */
const char *job_outcome_to_string(JobOutcome o); /* "unknown-device" */
JobOutcome job_outcome_from_string(const char *s); /* OUTCOME_FAILED for what is not known */
/* Another attempt at the same job could end otherwise, without anybody doing anything here. */
bool job_outcome_is_open(JobOutcome o);
const char *job_key_to_string(JobKey k);           /* "default", "p-256", "rsa-2048" */
int job_key_from_string(const char *s, JobKey *ret); /* -EINVAL */
const char *job_ek_to_string(JobEk e);             /* "default", "rsa-2048", "p-256", "p-384", … */
int job_ek_from_string(const char *s, JobEk *ret); /* -EINVAL */

int job_encode(const Job *j, Bytes *ret);        /* -E2BIG beyond a limit */
int job_decode(ByteView packet, Job *ret);
int report_encode(const Report *r, Bytes *ret);
int report_decode(ByteView packet, Report *ret);
