/* SPDX-License-Identifier: MIT */
#include "shared/tpm-device.h"

#include <stdio.h>

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#define DEVICE_PREFIX "device:"
#define ROOM_PAUSE_MSEC 20U

struct TpmDevice {
        TSS2_TCTI_CONTEXT *tcti;
        ESYS_CONTEXT *esys;
        size_t nv_chunk; /* 0: not asked yet */
        TSS2_RC last_failure;
        unsigned room_wait; /* milliseconds */
        char error[TPM_TEXT_MAX];
};

static void explain_open(const char *tcti, TSS2_RC rc, char ret[static TPM_TEXT_MAX]) {
        /* The TCTI loader keeps the errno to itself. */
        const char *path = strncmp(tcti, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0 ?
                                   tcti + strlen(DEVICE_PREFIX) :
                                   NULL;
        if (path && access(path, R_OK | W_OK) < 0)
                (void) snprintf(ret, TPM_TEXT_MAX, "Cannot open the TPM %s: %s", path, strerror(errno));
        else
                (void) snprintf(ret, TPM_TEXT_MAX, "Cannot open the TPM (%s): %s", tcti, Tss2_RC_Decode(rc));
}

const char *tpm_tcti_default(void) {
        static const char *const tctis[] = { TPM_TCTI_RESOURCE_MANAGER "0", TPM_TCTI_RESOURCE_MANAGER "1" };

        for (size_t i = 0; i < ELEMENTSOF(tctis); i++)
                if (access(tctis[i] + strlen(DEVICE_PREFIX), F_OK) >= 0)
                        return tctis[i];
        return tctis[0];
}

int tpm_device_open(const char *tcti, TpmDevice **ret, char reterr_text[static TPM_TEXT_MAX]) {
        _cleanup_(tpm_device_freep) TpmDevice *t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->room_wait = TPM_ROOM_MSEC_DEFAULT;
        if (!tcti)
                tcti = tpm_tcti_default();

        (void) alarm(TPM_COMMAND_SECONDS);
        TSS2_RC rc = Tss2_TctiLdr_Initialize(tcti, &t->tcti);
        if (rc == TSS2_RC_SUCCESS)
                rc = Esys_Initialize(&t->esys, t->tcti, NULL);
        (void) alarm(0);
        if (rc != TSS2_RC_SUCCESS) {
                explain_open(tcti, rc, reterr_text);
                return -ENODEV;
        }
        *ret = TAKE_PTR(t);
        return 0;
}

TpmDevice *tpm_device_free(TpmDevice *t) {
        if (!t)
                return NULL;
        if (t->esys)
                Esys_Finalize(&t->esys);
        if (t->tcti)
                Tss2_TctiLdr_Finalize(&t->tcti);
        free(t);
        return NULL;
}

const char *tpm_device_error(const TpmDevice *t) {
        return t->error;
}

static bool is_warning(TSS2_RC rc, TSS2_RC which) {
        return (rc & ~TSS2_RC_LAYER_MASK) == which;
}

bool tpm_device_locked_out(const TpmDevice *t) {
        return is_warning(t->last_failure, TPM2_RC_LOCKOUT);
}

bool tpm_device_full(const TpmDevice *t) {
        return is_warning(t->last_failure, TPM2_RC_OBJECT_MEMORY);
}

void tpm_device_set_room_wait(TpmDevice *t, unsigned msec) {
        t->room_wait = msec;
}

bool tpm_device_wait_for_room(const TpmDevice *t, TSS2_RC rc, unsigned *waited) {
        if (!is_warning(rc, TPM2_RC_OBJECT_MEMORY) || *waited >= t->room_wait)
                return false;
        (void) usleep(ROOM_PAUSE_MSEC * 1000);
        *waited += ROOM_PAUSE_MSEC;
        return true;
}

ESYS_CONTEXT *tpm_device_esys(TpmDevice *t) {
        return t->esys;
}

/* TPM 2.0 Part 2, 6.6: format-one codes carry the number of a handle, session or parameter, which is masked. */
static int rc_to_errno(TSS2_RC rc) {
        static const struct {
                TSS2_RC rc;
                int error;
        } table[] = {
                { TPM2_RC_HANDLE, -ENOENT },
                { TPM2_RC_NV_UNINITIALIZED, -ENOENT },
                { TPM2_RC_AUTH_FAIL, -EACCES },
                { TPM2_RC_BAD_AUTH, -EACCES },
                { TPM2_RC_AUTH_UNAVAILABLE, -EACCES },
                { TPM2_RC_NV_AUTHORIZATION, -EACCES },
                { TPM2_RC_POLICY_FAIL, -EACCES },
                { TPM2_RC_HIERARCHY, -EACCES },
                { TPM2_RC_LOCKOUT, -EBUSY },
                { TPM2_RC_OBJECT_MEMORY, -EBUSY },
                { TPM2_RC_SESSION_MEMORY, -EBUSY },
                { TPM2_RC_INTEGRITY, -EBADMSG },
                { TPM2_RC_TICKET, -EBADMSG },
                { TPM2_RC_CURVE, -ENOTSUP },
                { TPM2_RC_ASYMMETRIC, -ENOTSUP },
                { TPM2_RC_HASH, -ENOTSUP },
                { TPM2_RC_SYMMETRIC, -ENOTSUP },
                { TPM2_RC_KEY_SIZE, -ENOTSUP },
                { TPM2_RC_VALUE, -ENOTSUP },
                { TPM2_RC_COMMAND_CODE, -ENOTSUP },
        };

        TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
        if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
                return rc == TSS2_ESYS_RC_MEMORY ? -ENOMEM : -EIO;
        rc &= ~TSS2_RC_LAYER_MASK;
        if (rc & TPM2_RC_FMT1)
                rc &= TPM2_RC_FMT1 | 0x3f;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].rc == rc)
                        return table[i].error;
        return -EIO;
}

int tpm_device_result(TpmDevice *t, const char *command, TSS2_RC rc) {
        (void) alarm(0);
        if (rc == TSS2_RC_SUCCESS)
                return 0;
        t->last_failure = rc;
        (void) snprintf(t->error, sizeof(t->error), "TPM2_%s: %s", command, Tss2_RC_Decode(rc));
        return rc_to_errno(rc);
}

int tpm_device_fail(TpmDevice *t, int error, const char *text) {
        (void) snprintf(t->error, sizeof(t->error), "%s", text);
        return error;
}

/* --- Properties --- */

static int get_property(TpmDevice *t, uint32_t property, uint32_t *ret) {
        _cleanup_esys_ TPMS_CAPABILITY_DATA *data = NULL;

        int r = TPM_CALL(t, GetCapability, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES, property,
                         1, NULL, &data);
        if (r < 0)
                return r;
        const TPML_TAGGED_TPM_PROPERTY *list = &data->data.tpmProperties;
        /* The TPM answers with the next one it has. */
        if (data->capability != TPM2_CAP_TPM_PROPERTIES || list->count < 1 ||
            list->tpmProperty[0].property != property)
                return tpm_device_fail(t, -ENOENT, "The TPM does not know a property that each has to have");
        *ret = list->tpmProperty[0].value;
        return 0;
}

int tpm_device_properties(TpmDevice *t, TpmProperties *ret) {
        static const uint32_t vendor[] = { TPM2_PT_VENDOR_STRING_1, TPM2_PT_VENDOR_STRING_2, TPM2_PT_VENDOR_STRING_3,
                                           TPM2_PT_VENDOR_STRING_4 };
        TpmProperties p = {};
        int r;

        if ((r = get_property(t, TPM2_PT_MANUFACTURER, &p.manufacturer)) < 0 ||
            (r = get_property(t, TPM2_PT_FIRMWARE_VERSION_1, &p.firmware[0])) < 0 ||
            (r = get_property(t, TPM2_PT_FIRMWARE_VERSION_2, &p.firmware[1])) < 0)
                return r;
        ByteWriter w = WRITER(p.vendor, sizeof(p.vendor));
        for (size_t i = 0; i < ELEMENTSOF(vendor); i++) {
                uint32_t v;
                r = get_property(t, vendor[i], &v);
                if (r < 0)
                        return r;
                write_u32(&w, v);
        }
        *ret = p;
        return 0;
}

/* --- NV --- */

static size_t nv_chunk(TpmDevice *t) {
        uint32_t v;

        if (t->nv_chunk == 0)
                t->nv_chunk = get_property(t, TPM2_PT_NV_BUFFER_MAX, &v) >= 0 && v > 0 ?
                                      MIN_OF((size_t) v, (size_t) TPM_NV_CHUNK_MAX) :
                                      256;
        return t->nv_chunk;
}

static int nv_read_as(TpmDevice *t, ESYS_TR authority, ESYS_TR index, uint16_t size, Bytes *ret) {
        _cleanup_bytes_ Bytes b = { .data = malloc((size_t) size + 1) };
        if (!b.data)
                return -ENOMEM;

        while (b.size < size) {
                _cleanup_esys_ TPM2B_MAX_NV_BUFFER *chunk = NULL;
                uint16_t want = (uint16_t) MIN_OF(nv_chunk(t), size - b.size);

                int r = TPM_CALL(t, NV_Read, authority, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, want,
                                 (uint16_t) b.size, &chunk);
                if (r < 0)
                        return r;
                if (chunk->size != want)
                        return tpm_device_fail(t, -EIO, "The TPM gave less of an NV index than asked for");
                memcpy(b.data + b.size, chunk->buffer, want);
                b.size += want;
        }
        *ret = TAKE_BYTES(b);
        return 0;
}

static int nv_read_index(TpmDevice *t, ESYS_TR index, size_t max, Bytes *ret) {
        _cleanup_esys_ TPM2B_NV_PUBLIC *public = NULL;
        _cleanup_esys_ TPM2B_NAME *name = NULL;

        int r = TPM_CALL(t, NV_ReadPublic, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, &name);
        if (r < 0)
                return r;
        if (!(public->nvPublic.attributes & TPMA_NV_WRITTEN) || public->nvPublic.dataSize == 0)
                return -ENOENT;
        if (public->nvPublic.dataSize > max)
                return tpm_device_fail(t, -E2BIG, "An NV index holds more than can be");

        r = nv_read_as(t, index, index, public->nvPublic.dataSize, ret);
        return r >= 0 || r == -ENOMEM ? r : nv_read_as(t, ESYS_TR_RH_OWNER, index, public->nvPublic.dataSize, ret);
}

int tpm_device_read_nv(TpmDevice *t, uint32_t index, size_t max, Bytes *ret) {
        ESYS_TR handle = ESYS_TR_NONE;

        int r = TPM_CALL(t, TR_FromTPMPublic, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);
        if (r < 0)
                return r;
        r = nv_read_index(t, handle, max, ret);
        (void) Esys_TR_Close(t->esys, &handle);
        return r;
}

int tpm_device_nv_indices(TpmDevice *t, uint32_t first, uint32_t last, size_t max, uint32_t *ret, size_t *ret_n) {
        _cleanup_esys_ TPMS_CAPABILITY_DATA *data = NULL;
        size_t n = 0;

        int r = TPM_CALL(t, GetCapability, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                         (uint32_t) max, NULL, &data);
        if (r < 0)
                return r;
        const TPML_HANDLE *list = &data->data.handles;
        if (data->capability != TPM2_CAP_HANDLES)
                return tpm_device_fail(t, -EIO, "The TPM does not tell which NV indices it has");
        /* It goes on with what comes behind. */
        while (n < list->count && n < max && list->handle[n] <= last) {
                ret[n] = list->handle[n];
                n++;
        }
        *ret_n = n;
        return 0;
}
