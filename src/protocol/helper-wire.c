/* SPDX-License-Identifier: MIT */
#include <openssl/crypto.h>

#include "protocol/helper-wire.h"

/* Texts on this wire are printable ASCII, reports may have line breaks: what strangers said has been escaped by
 * whoever puts it into a report. */
static bool text_valid(ByteView v, bool lines) {
        for (size_t i = 0; i < v.size; i++)
                if ((v.data[i] < 0x20 || v.data[i] > 0x7e) && !(lines && v.data[i] == '\n'))
                        return false;
        return true;
}

/* --- Job: version, kind, key, ek, revoke, lifetime, keep_key, then six fields of 32-bit length and bytes --- */

typedef struct JobField {
        ByteView view;
        size_t max;
        bool text;
} JobField;

enum {
        FIELD_ACME_URL,
        FIELD_ATTESTATION_URL,
        FIELD_NAME,
        FIELD_CA_PEM,
        FIELD_EAB_KID,
        FIELD_EAB_KEY,
        _FIELD_MAX,
};

static const JobField job_fields[_FIELD_MAX] = {
        [FIELD_ACME_URL] = { .max = JOB_URL_MAX, .text = true },
        [FIELD_ATTESTATION_URL] = { .max = JOB_URL_MAX, .text = true },
        [FIELD_NAME] = { .max = DEVICE_NAME_MAX, .text = true },
        [FIELD_CA_PEM] = { .max = JOB_CA_PEM_MAX },
        [FIELD_EAB_KID] = { .max = JOB_EAB_KID_MAX, .text = true },
        [FIELD_EAB_KEY] = { .max = JOB_EAB_KEY_MAX },
};

static bool field_valid(size_t field, ByteView v) {
        return v.size <= job_fields[field].max && (!job_fields[field].text || text_valid(v, false));
}

static ByteView view_of_string(const char *s) {
        return s ? VIEW_STR(s) : VIEW_NULL;
}

void job_done(Job *j) {
        free(j->acme_url);
        free(j->attestation_url);
        free(j->name);
        free(j->eab_kid);
        bytes_done(&j->ca_pem);
        bytes_erase(&j->eab_key);
        *j = (Job) {};
}

static void write_job(ByteWriter *w, const Job *j, const ByteView fields[static _FIELD_MAX]) {
        write_u8(w, HELPER_WIRE_VERSION);
        write_u8(w, (uint8_t) j->kind);
        write_u8(w, (uint8_t) j->key);
        write_u8(w, (uint8_t) j->ek);
        write_u8(w, j->revoke);
        write_u64(w, (uint64_t) j->lifetime);
        write_u64(w, (uint64_t) j->keep_key);
        for (size_t i = 0; i < _FIELD_MAX; i++) {
                write_u32(w, (uint32_t) fields[i].size);
                write_view(w, fields[i]);
        }
}

int job_encode(const Job *j, Bytes *ret) {
        const ByteView fields[_FIELD_MAX] = {
                [FIELD_ACME_URL] = view_of_string(j->acme_url),
                [FIELD_ATTESTATION_URL] = view_of_string(j->attestation_url),
                [FIELD_NAME] = view_of_string(j->name),
                [FIELD_CA_PEM] = bytes_view(&j->ca_pem),
                [FIELD_EAB_KID] = view_of_string(j->eab_kid),
                [FIELD_EAB_KEY] = bytes_view(&j->eab_key),
        };

        for (size_t i = 0; i < _FIELD_MAX; i++) {
                if (fields[i].size > job_fields[i].max)
                        return -E2BIG;
                if (!field_valid(i, fields[i]))
                        return -EINVAL;
        }

        _cleanup_free_ uint8_t *buffer = malloc(HELPER_WIRE_MAX);
        if (!buffer)
                return -ENOMEM;
        ByteWriter w = WRITER(buffer, HELPER_WIRE_MAX);
        write_job(&w, j, fields);
        int r = w.failed ? -E2BIG : bytes_copy(writer_view(&w), ret);
        OPENSSL_cleanse(buffer, w.size);
        return r;
}

static int take_string(ByteView v, char **ret) {
        if (v.size == 0)
                return 0;
        *ret = strndup((const char *) v.data, v.size);
        return *ret ? 0 : -ENOMEM;
}

static int take_fields(Job *j, const ByteView fields[static _FIELD_MAX]) {
        int r;

        if ((r = take_string(fields[FIELD_ACME_URL], &j->acme_url)) < 0 ||
            (r = take_string(fields[FIELD_ATTESTATION_URL], &j->attestation_url)) < 0 ||
            (r = take_string(fields[FIELD_NAME], &j->name)) < 0 ||
            (r = take_string(fields[FIELD_EAB_KID], &j->eab_kid)) < 0 ||
            (r = bytes_copy(fields[FIELD_CA_PEM], &j->ca_pem)) < 0)
                return r;
        return bytes_copy(fields[FIELD_EAB_KEY], &j->eab_key);
}

static bool read_job(ByteView packet, Job *j, ByteView fields[static _FIELD_MAX]) {
        ByteReader reader = READER(packet);
        uint8_t version = read_u8(&reader), kind = read_u8(&reader), key = read_u8(&reader), ek = read_u8(&reader),
                revoke = read_u8(&reader);
        uint64_t lifetime = read_u64(&reader), keep_key = read_u64(&reader);

        for (size_t i = 0; i < _FIELD_MAX; i++) {
                uint32_t size = read_u32(&reader);
                fields[i] = read_view(&reader, size);
                if (!field_valid(i, fields[i]))
                        return false;
        }
        if (!reader_done(&reader) || version != HELPER_WIRE_VERSION || kind < JOB_IDENTIFY || kind > JOB_REACH ||
            key > JOB_KEY_RSA2048 || ek > JOB_EK_RSA4096 || revoke > 1 || lifetime > INT64_MAX || keep_key > INT64_MAX)
                return false;

        *j = (Job) {
                .kind = (JobKind) kind,
                .key = (JobKey) key,
                .ek = (JobEk) ek,
                .revoke = revoke,
                .lifetime = (int64_t) lifetime,
                .keep_key = (int64_t) keep_key,
        };
        return true;
}

int job_decode(ByteView packet, Job *ret) {
        _cleanup_(job_done) Job j = {};
        ByteView fields[_FIELD_MAX] = {};
        int r;

        if (packet.size > HELPER_WIRE_MAX || !read_job(packet, &j, fields))
                return -EBADMSG;
        r = take_fields(&j, fields);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(j, (Job) {});
        return 0;
}

/* --- Report: version, type, step, outcome, no_network, retry_after, EK hash, EK type, EK certificate, text --- */

static bool report_valid(const Report *r) {
        switch (r->type) {
        case REPORT_STEP:
                return r->step >= STEP_TPM && r->step < _STEP_MAX;
        case REPORT_IDENTITY:
                return r->ek_type >= KEY_TYPE_RSA && r->ek_type <= KEY_TYPE_P384;
        case REPORT_DONE:
                return r->outcome < _OUTCOME_MAX;
        }
        return false;
}

int report_encode(const Report *r, Bytes *ret) {
        uint8_t buffer[64 + REPORT_TEXT_MAX];
        ByteWriter w = WRITER(buffer, sizeof(buffer));
        ByteView text = VIEW(r->text, strnlen(r->text, sizeof(r->text)));

        if (text.size == sizeof(r->text) || !report_valid(r) || !text_valid(text, true))
                return -EINVAL;
        write_u8(&w, HELPER_WIRE_VERSION);
        write_u8(&w, (uint8_t) r->type);
        write_u8(&w, (uint8_t) r->step);
        write_u8(&w, (uint8_t) r->outcome);
        write_u8(&w, r->no_network);
        write_u32(&w, r->retry_after);
        write_bytes(&w, r->ek_hash, sizeof(r->ek_hash));
        write_u8(&w, (uint8_t) r->ek_type);
        write_u8(&w, r->ek_certificate);
        write_u32(&w, (uint32_t) text.size);
        write_view(&w, text);
        return w.failed ? -E2BIG : bytes_copy(writer_view(&w), ret);
}

int report_decode(ByteView packet, Report *ret) {
        ByteReader reader = READER(packet);
        Report r = {};
        ByteView text;

        uint8_t version = read_u8(&reader);
        r.type = (ReportType) read_u8(&reader);
        r.step = (JobStep) read_u8(&reader);
        r.outcome = (JobOutcome) read_u8(&reader);
        uint8_t no_network = read_u8(&reader);
        r.retry_after = read_u32(&reader);
        read_into(&reader, r.ek_hash, sizeof(r.ek_hash));
        r.ek_type = (KeyType) read_u8(&reader);
        uint8_t certificate = read_u8(&reader);
        text = read_view(&reader, read_u32(&reader));

        r.ek_certificate = certificate;
        r.no_network = no_network;
        if (!reader_done(&reader) || version != HELPER_WIRE_VERSION || certificate > 1 || no_network > 1 ||
            !report_valid(&r) ||
            text.size >= sizeof(r.text) || !text_valid(text, true))
                return -EBADMSG;
        if (text.size > 0)
                memcpy(r.text, text.data, text.size);
        *ret = r;
        return 0;
}

/* --- Names --- */

static const struct {
        const char *name, *text;
} steps[_STEP_MAX] = {
        [STEP_TPM] = { "tpm", "Reading the TPM's endorsement keys" },
        [STEP_AK] = { "ak", "Preparing the attestation key" },
        [STEP_ATTEST] = { "attest", "Proving the TPM to the attestation server" },
        [STEP_ACCOUNT] = { "account", "Opening an account at the ACME server" },
        [STEP_ORDER] = { "order", "Ordering the certificate" },
        [STEP_KEY] = { "key", "Creating the device key in the TPM" },
        [STEP_CHALLENGE] = { "challenge", "Attesting the device key" },
        [STEP_FINALIZE] = { "finalize", "Requesting the certificate" },
        [STEP_DOWNLOAD] = { "download", "Fetching the certificate" },
        [STEP_STORE] = { "store", "Storing key and certificate" },
        [STEP_REVOKE] = { "revoke", "Revoking the certificate" },
        [STEP_REMOVE] = { "remove", "Removing keys and certificates" },
};

static const char *const outcomes[_OUTCOME_MAX] = {
        [OUTCOME_DONE] = "done",
        [OUTCOME_NO_TPM] = "no-tpm",
        [OUTCOME_NO_EK] = "no-ek",
        [OUTCOME_UNREACHABLE] = "unreachable",
        [OUTCOME_UNTRUSTED_TLS] = "untrusted-tls",
        [OUTCOME_UNKNOWN_DEVICE] = "unknown-device",
        [OUTCOME_REFUSED] = "refused",
        [OUTCOME_WRONG_NAME] = "wrong-name",
        [OUTCOME_WRONG_PROVISIONER] = "wrong-provisioner",
        [OUTCOME_BAD_ANSWER] = "bad-answer",
        [OUTCOME_TIMEOUT] = "timeout",
        [OUTCOME_NOT_ENROLLED] = "not-enrolled",
        [OUTCOME_INVALID] = "invalid",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_WAITING] = "waiting",
};

static const char *const keys[] = {
        [JOB_KEY_DEFAULT] = "default",
        [JOB_KEY_P256] = "p-256",
        [JOB_KEY_RSA2048] = "rsa-2048",
};

static const char *const eks[] = {
        [JOB_EK_DEFAULT] = "default",
        [JOB_EK_RSA2048] = "rsa-2048",
        [JOB_EK_P256] = "p-256",
        [JOB_EK_P384] = "p-384",
        [JOB_EK_RSA3072] = "rsa-3072",
        [JOB_EK_RSA4096] = "rsa-4096",
};

const char *job_step_to_string(JobStep s) {
        return s >= STEP_TPM && s < _STEP_MAX ? steps[s].name : "unknown";
}

const char *job_step_to_text(JobStep s) {
        return s >= STEP_TPM && s < _STEP_MAX ? steps[s].text : "Working";
}

const char *job_outcome_to_string(JobOutcome o) {
        return o < _OUTCOME_MAX ? outcomes[o] : outcomes[OUTCOME_FAILED];
}

bool job_outcome_is_open(JobOutcome o) {
        switch (o) {
        case OUTCOME_WAITING:
        case OUTCOME_UNREACHABLE:
        case OUTCOME_UNTRUSTED_TLS:
        case OUTCOME_NO_TPM:
        case OUTCOME_TIMEOUT:
        case OUTCOME_FAILED:
                return true;
        default:
                return false;
        }
}

JobOutcome job_outcome_from_string(const char *s) {
        for (size_t i = 0; i < _OUTCOME_MAX; i++)
                if (strcmp(outcomes[i], s) == 0)
                        return (JobOutcome) i;
        return OUTCOME_FAILED;
}

static int index_of(const char *s, const char *const *table, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i], s) == 0)
                        return (int) i;
        return -EINVAL;
}

const char *job_key_to_string(JobKey k) {
        return k < ELEMENTSOF(keys) ? keys[k] : keys[0];
}

int job_key_from_string(const char *s, JobKey *ret) {
        int i = index_of(s, keys, ELEMENTSOF(keys));
        if (i < 0)
                return i;
        *ret = (JobKey) i;
        return 0;
}

const char *job_ek_to_string(JobEk e) {
        return e < ELEMENTSOF(eks) ? eks[e] : eks[0];
}

int job_ek_from_string(const char *s, JobEk *ret) {
        int i = index_of(s, eks, ELEMENTSOF(eks));
        if (i < 0)
                return i;
        *ret = (JobEk) i;
        return 0;
}
