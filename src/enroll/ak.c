/* SPDX-License-Identifier: MIT */
#include "enroll/ak.h"

#include "protocol/tpm-structures.h"
#include "protocol/tpm-templates.h"
#include "shared/files.h"
#include "shared/log.h"

#define AK_FILE "ak.tss"
#define AK_CREATION_FILE "ak.creation"

int fail_tpm(Failure *f, int error, const TpmDevice *t, const char *what) {
        if (error == -ENOMEM)
                return error;
        return fail(f, error, OUTCOME_NO_TPM, "%s: %s", what, tpm_device_error(t));
}

/* -ENOENT: there is none. -EBADMSG: what is there does not fit together or is not this TPM's. */
static int load(TpmDevice *t, int dir_fd, TpmKey *ret, TpmCreation *ret_creation) {
        _cleanup_key_file_ KeyFile file = {};
        _cleanup_bytes_ Bytes blob = BYTES_NULL, creation = BYTES_NULL;
        int r;

        if ((r = file_read_at(dir_fd, AK_FILE, KEY_FILE_MAX, &blob)) < 0 ||
            (r = file_read_at(dir_fd, AK_CREATION_FILE, TPM_CREATION_ENCODED_MAX, &creation)) < 0)
                return r;
        if ((r = key_file_parse(bytes_view(&blob), &file)) < 0 ||
            (r = tpm_creation_decode(bytes_view(&creation), ret_creation)) < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        return tpm_key_load(t, &file, ret);
}

static int store(int dir_fd, const KeyFile *file, const TpmCreation *creation) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL, evidence = BYTES_NULL;
        int r;

        if ((r = key_file_build_pem(file, &pem)) < 0 || (r = tpm_creation_encode(creation, &evidence)) < 0 ||
            (r = file_write_atomic(dir_fd, AK_CREATION_FILE, 0600, bytes_view(&evidence))) < 0)
                return r;
        return file_write_atomic(dir_fd, AK_FILE, 0600, bytes_view(&pem));
}

static int create(TpmDevice *t, int dir_fd, TpmKey *ret, TpmCreation *ret_creation, Failure *f) {
        _cleanup_key_file_ KeyFile file = {};
        _cleanup_tpm_key_ TpmKey key = {};
        TPM2B_PUBLIC template;
        int r;

        r = ak_template_public(KEY_TYPE_RSA, &template);
        if (r < 0)
                return fail_errno(f, r, "No template for the attestation key");
        r = tpm_key_create(t, &template, &file, ret_creation, &key);
        if (r < 0)
                return fail_tpm(f, r, t, "Cannot create the attestation key");
        r = store(dir_fd, &file, ret_creation);
        if (r < 0)
                return fail_errno(f, r, "Cannot store the attestation key");
        *ret = TAKE_GENERIC(key, (TpmKey) {});
        return 0;
}

/* The one that is kept, if the TPM still vouches for it. */
static int open_kept(TpmDevice *t, int dir_fd, TpmKey *ret, TpmCreation *creation, TpmStatement *ret_proof) {
        _cleanup_tpm_key_ TpmKey key = {};

        int r = load(t, dir_fd, &key, creation);
        if (r >= 0)
                r = tpm_certify_creation(&key, creation, ret_proof);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(key, (TpmKey) {});
        return 0;
}

int ak_open(TpmDevice *t, const char *state_dir, TpmKey *ret, TpmStatement *ret_proof, Bytes *ret_creation_data,
            Failure *f) {
        _cleanup_tpm_key_ TpmKey key = {};
        TpmCreation creation = {};
        int r;

        r = dir_make_parents(state_dir, 0755);
        if (r < 0)
                return fail_errno(f, r, "Cannot make the state directory");
        _cleanup_close_ int dir_fd = dir_open(state_dir);
        if (dir_fd < 0)
                return fail_errno(f, dir_fd, "Cannot open the state directory");

        r = open_kept(t, dir_fd, &key, &creation, ret_proof);
        if (r == -EIO || r == -EBUSY || r == -ENOMEM)
                return fail_tpm(f, r, t, "Cannot load the attestation key"); /* the TPM is in trouble, not the key */
        if (r < 0) {
                if (r != -ENOENT)
                        log_notice("The TPM does not take the recorded attestation key any more (cleared, or another "
                                   "TPM?), making a new one");
                r = create(t, dir_fd, &key, &creation, f);
                if (r < 0)
                        return r;
                r = tpm_certify_creation(&key, &creation, ret_proof);
                if (r < 0)
                        return fail_tpm(f, r, t, "The TPM does not vouch for the attestation key");
        }
        r = tpm_creation_data_encode(&creation.data.creationData, ret_creation_data);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(key, (TpmKey) {});
        return 0;
}
