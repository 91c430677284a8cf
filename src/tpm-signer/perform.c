/* SPDX-License-Identifier: MIT */
#include "tpm-signer/perform.h"

#include <stdio.h>

#include "protocol/rsa-padding.h"

/* A bare TPM has room for three objects of all programs, and attezt-enroll keeps one or two of them. */
#define ROOM_WAIT_MSEC 10000U
#define ROOM_PAUSE_MSEC 20U

static TokenStatus refuse(DeviceKey *d, TokenStatus status, const char *text) {
        (void) snprintf(d->error, sizeof(d->error), "%s", text);
        return status;
}

static TokenStatus refuse_length(DeviceKey *d) {
        return refuse(d, TOKEN_BAD_LENGTH, "What came is too long or too short for the key");
}

static TokenStatus refuse_data(DeviceKey *d) {
        return refuse(d, TOKEN_BAD_DATA,
                      "What came is beyond the modulus, or was not encrypted to the key in this way");
}

static TokenStatus perform_rsa(DeviceKey *d, const TokenOperation *o, TokenResult *ret) {
        _cleanup_bytes_erase_ Bytes power = BYTES_NULL;
        uint8_t block[TOKEN_DATA_MAX];
        TokenStatus status;
        int r;

        if (d->public.type != KEY_TYPE_RSA)
                return refuse(d, TOKEN_FAILED, "The key is not an RSA key");
        status = rsa_padding_block(o, &d->public, block);
        if (status == TOKEN_BAD_LENGTH)
                return refuse_length(d);
        if (status == TOKEN_BAD_DATA)
                return refuse_data(d);
        if (status != TOKEN_OK)
                return refuse(d, status, "Cannot pad");
        r = tpm_key_rsa(&d->key, VIEW(block, d->public.size), &power);
        explicit_bzero(block, sizeof(block));
        if (r < 0)
                return device_key_fail(d, r);
        rsa_padding_answer(o, bytes_view(&power), ret);
        return ret->status == TOKEN_BAD_DATA ? refuse_data(d) : ret->status;
}

/* FIPS 186-4, 6.4 takes the leftmost bits of a digest, as many as the order has, as a number. The TPM insists on
 * a digest of one certain hash: of a longer one the first bytes are that number (the orders are of whole bytes), of a
 * shorter one zeros before it do not change it. */
static TokenStatus perform_ecdsa(DeviceKey *d, const TokenOperation *o, TokenResult *ret) {
        _cleanup_bytes_ Bytes signature = BYTES_NULL;
        uint8_t digest[PUBLIC_KEY_EC_SIZE_MAX] = {};
        size_t size = d->public.size, n = MIN_OF(size, (size_t) o->data_size);
        int r;

        if (d->public.type != KEY_TYPE_P256 && d->public.type != KEY_TYPE_P384)
                return refuse(d, TOKEN_FAILED, "The key is not an EC key");
        memcpy(digest + size - n, o->data, n);
        r = tpm_key_sign(&d->key, d->public.type == KEY_TYPE_P384 ? DIGEST_SHA384 : DIGEST_SHA256, VIEW(digest, size),
                         &signature);
        if (r < 0)
                return device_key_fail(d, r);
        if (signature.size != 2 * size)
                return refuse(d, TOKEN_FAILED, "The TPM's signature is of another size than it should be");
        memcpy(ret->data, signature.data, signature.size);
        ret->size = (uint16_t) signature.size;
        return TOKEN_OK;
}

/* Waits for room with empty hands. */
static TokenStatus load(DeviceKey *d, const TokenOperation *o) {
        TokenStatus status;

        for (unsigned waited = 0;; waited += ROOM_PAUSE_MSEC) {
                status = device_key_use(d, o->generation, o->key);
                if (status != TOKEN_FAILED || !d->tpm || !tpm_device_full(d->tpm) || waited >= ROOM_WAIT_MSEC)
                        return status;
                (void) usleep(ROOM_PAUSE_MSEC * 1000);
        }
}

static TokenStatus try(DeviceKey *d, const TokenOperation *o, TokenResult *ret) {
        TokenStatus status = load(d, o);

        if (status != TOKEN_OK)
                return status;
        return o->kind == TOKEN_SIGN_ECDSA ? perform_ecdsa(d, o, ret) : perform_rsa(d, o, ret);
}

/* The TPM has no part in these. */
static bool is_verdict(TokenStatus s) {
        return s == TOKEN_OK || s == TOKEN_BAD_LENGTH || s == TOKEN_BAD_DATA;
}

void perform(DeviceKey *d, const TokenOperation *o, TokenResult *ret) {
        _cleanup_(token_result_erase) TokenResult result = {};
        bool was_open = d->tpm;
        TokenStatus status;

        status = try(d, o, &result);
        /* A TPM that was opened before may have gone and come back, or was reset: what it knew of us is lost. */
        if (!is_verdict(status))
                device_key_release(d);
        if (!is_verdict(status) && was_open && status != TOKEN_LOCKOUT) {
                status = try(d, o, &result);
                if (!is_verdict(status))
                        device_key_release(d);
        }
        if (status == TOKEN_OK)
                *ret = result;
        else
                *ret = (TokenResult) { .status = status };
}
