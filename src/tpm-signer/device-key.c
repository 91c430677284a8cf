/* SPDX-License-Identifier: MIT */
#include "tpm-signer/device-key.h"

#include <stdio.h>

#include "protocol/key-file.h"
#include "shared/enrollment.h"

void device_key_release(DeviceKey *d) {
        tpm_key_done(&d->key);
        d->tpm = tpm_device_free(d->tpm);
}

static TokenStatus fail(DeviceKey *d, TokenStatus status, const char *text) {
        (void) snprintf(d->error, sizeof(d->error), "%s", text);
        return status;
}

static TokenStatus fail_errno(DeviceKey *d, int error, const char *text) {
        (void) snprintf(d->error, sizeof(d->error), "%s: %s", text, strerror(-error));
        return error == -ENOENT || error == -ENOTDIR || error == -EBADMSG || error == -EFBIG || error == -EINVAL ||
                               error == -ENOTSUP ?
                       TOKEN_KEY_GONE :
                       TOKEN_FAILED;
}

TokenStatus device_key_fail(DeviceKey *d, int error) {
        const char *text = tpm_device_error(d->tpm);

        if (tpm_device_locked_out(d->tpm))
                return fail(d, TOKEN_LOCKOUT, text);
        return fail(d, TOKEN_FAILED, *text ? text : strerror(-error));
}

static TokenStatus open_tpm(DeviceKey *d) {
        int r;

        if (d->tpm)
                return TOKEN_OK;
        r = tpm_device_open(d->tcti, &d->tpm, d->error);
        if (r < 0)
                return r == -ENODEV ? TOKEN_NO_TPM : fail_errno(d, r, "Cannot open the TPM");
        tpm_device_set_room_wait(d->tpm, 0); /* see load() in perform.c */
        return TOKEN_OK;
}

static TokenStatus load(DeviceKey *d, const KeyFile *file) {
        int r = tpm_key_load(d->tpm, file, &d->key);
        if (r >= 0)
                return TOKEN_OK;
        /* The file is of another TPM, or of this one before it was cleared; or needs what we do not have. */
        if (r == -EBADMSG || r == -ENOTSUP) {
                const char *text = tpm_device_error(d->tpm);
                return *text ? fail(d, TOKEN_KEY_GONE, text) : fail_errno(d, r, "The key is not one for this TPM");
        }
        return device_key_fail(d, r);
}

static TokenStatus read_and_load(DeviceKey *d, uint64_t generation) {
        _cleanup_key_file_ KeyFile file = {};
        _cleanup_bytes_erase_ Bytes content = BYTES_NULL;
        TokenStatus status;
        int r;

        r = enrollment_read_key(d->state_dir, generation, &content);
        if (r < 0)
                return fail_errno(d, r, "Cannot read the key's file");
        r = key_file_parse(bytes_view(&content), &file);
        if (r < 0)
                return fail_errno(d, r, "Cannot understand the key's file");
        status = open_tpm(d);
        if (status != TOKEN_OK)
                return status;
        status = load(d, &file);
        if (status != TOKEN_OK)
                return status;
        r = tpm_key_public(&d->key, &d->public);
        if (r >= 0)
                r = public_key_hash(&d->public, d->hash);
        return r < 0 ? fail_errno(d, r, "Cannot understand the key") : TOKEN_OK;
}

static bool is_loaded(const DeviceKey *d, uint64_t generation, const uint8_t hash[static 32]) {
        return d->key.device && d->generation == generation && memcmp(d->hash, hash, sizeof(d->hash)) == 0;
}

TokenStatus device_key_use(DeviceKey *d, uint64_t generation, const uint8_t hash[static 32]) {
        TokenStatus status;

        if (is_loaded(d, generation, hash))
                return TOKEN_OK;
        tpm_key_done(&d->key); /* one at a time: a bare TPM has three places */
        status = read_and_load(d, generation);
        d->generation = generation;
        if (status == TOKEN_OK && !is_loaded(d, generation, hash))
                status = fail(d, TOKEN_KEY_GONE, "The key that is recorded is not the one that was asked for");
        if (status != TOKEN_OK)
                tpm_key_done(&d->key);
        return status;
}
