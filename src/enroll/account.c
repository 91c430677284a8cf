/* SPDX-License-Identifier: MIT */
#include "enroll/account.h"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>

#include "protocol/json-value.h"
#include "shared/files.h"

#define ACCOUNT_DEPTH_MAX 2U
#define ACCOUNT_PATH_SIZE (sizeof("accounts/.json") + 64)

void account_done(Account *a) {
        if (a->key)
                gnutls_privkey_deinit(a->key);
        bytes_erase(&a->pem);
        free(a->url);
        *a = (Account) {};
}

static int gnutls_errno(int r) {
        return r >= 0 ? 0 : r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
}

static int import_key(Account *a) {
        gnutls_datum_t pem = { .data = a->pem.data, .size = (unsigned) a->pem.size };

        int r = gnutls_privkey_init(&a->key);
        if (r >= 0)
                r = gnutls_privkey_import_x509_raw(a->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
        return gnutls_errno(r);
}

static int generate_pem(Bytes *ret) {
        gnutls_x509_privkey_t key = NULL;
        gnutls_datum_t pem = {};

        int r = gnutls_x509_privkey_init(&key);
        if (r < 0)
                return gnutls_errno(r);
        r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
        if (r >= 0)
                r = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
        gnutls_x509_privkey_deinit(key);
        if (r < 0)
                return gnutls_errno(r);
        r = bytes_copy(VIEW(pem.data, pem.size), ret);
        gnutls_memset(pem.data, 0, pem.size);
        gnutls_free(pem.data);
        return r;
}

int account_generate(Account *ret) {
        _cleanup_account_ Account a = {};

        int r = generate_pem(&a.pem);
        if (r >= 0)
                r = import_key(&a);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(a, (Account) {});
        return 0;
}

static int account_path(const char *directory_url, char ret[static ACCOUNT_PATH_SIZE]) {
        uint8_t hash[32];
        char hex[2 * sizeof(hash) + 1];

        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, directory_url, strlen(directory_url), hash) < 0)
                return -EIO;
        hex_encode(VIEW_ARRAY(hash), hex);
        (void) snprintf(ret, ACCOUNT_PATH_SIZE, "accounts/%s.json", hex);
        return 0;
}

static int parse(ByteView file, Account *a) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_bytes_erase_ Bytes pem = BYTES_NULL;
        int r;

        if ((r = json_parse_strict(file, ACCOUNT_DEPTH_MAX, &o)) < 0 ||
            (r = json_member_raw(o, "key", ACCOUNT_FILE_MAX, &pem)) < 0)
                return r;
        r = json_member_text(o, "url", ACCOUNT_URL_MAX, &a->url);
        if (r < 0 && r != -ENOENT)
                return r;
        a->pem = TAKE_BYTES(pem);
        return import_key(a);
}

int account_load(const char *state_dir, const char *directory_url, Account *ret) {
        _cleanup_account_ Account a = {};
        _cleanup_bytes_erase_ Bytes file = BYTES_NULL;
        char path[ACCOUNT_PATH_SIZE];
        int r;

        _cleanup_close_ int dir_fd = dir_open(state_dir);
        if (dir_fd < 0)
                return dir_fd;
        if ((r = account_path(directory_url, path)) < 0 ||
            (r = file_read_at(dir_fd, path, ACCOUNT_FILE_MAX, &file)) < 0)
                return r;
        r = parse(bytes_view(&file), &a);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        *ret = TAKE_GENERIC(a, (Account) {});
        return 0;
}

static int format(const char *directory_url, const Account *a, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if ((r = json_new_object(&o)) < 0 || (r = json_add_text(o, "directory", directory_url)) < 0 ||
            (r = json_add_raw(o, "key", bytes_view(&a->pem))) < 0 ||
            (a->url && (r = json_add_text(o, "url", a->url)) < 0))
                return r;
        return json_serialize(o, ret);
}

int account_store(const char *state_dir, const char *directory_url, const Account *a) {
        _cleanup_bytes_erase_ Bytes file = BYTES_NULL;
        char path[ACCOUNT_PATH_SIZE];
        int r;

        if ((r = dir_make_parents(state_dir, 0755)) < 0 || (r = account_path(directory_url, path)) < 0 ||
            (r = format(directory_url, a, &file)) < 0)
                return r;
        _cleanup_close_ int dir_fd = dir_open(state_dir);
        if (dir_fd < 0)
                return dir_fd;
        r = dir_make_at(dir_fd, "accounts", 0700);
        if (r < 0)
                return r;
        _cleanup_close_ int accounts_fd = dir_open_at(dir_fd, "accounts");
        if (accounts_fd < 0)
                return accounts_fd;
        return file_write_atomic(accounts_fd, strchr(path, '/') + 1, 0600, bytes_view(&file));
}
