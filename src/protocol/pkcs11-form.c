/* SPDX-License-Identifier: MIT */
#include "protocol/pkcs11-form.h"

#include <string.h>

#include "protocol/pkcs11-constants.h"
#include "shared/cleanup.h"

/* What is not in the table is bytes. */
Pkcs11Form pkcs11_attribute_form(uint32_t type) {
        static const struct {
                uint32_t first, last;
                Pkcs11Form form;
        } forms[] = {
                { CKA_CLASS, CKA_CLASS, PKCS11_FORM_ULONG },
                { CKA_TOKEN, CKA_PRIVATE, PKCS11_FORM_BYTE },
                { CKA_CERTIFICATE_TYPE, CKA_CERTIFICATE_TYPE, PKCS11_FORM_ULONG },
                { CKA_TRUSTED, CKA_TRUSTED, PKCS11_FORM_BYTE },
                { CKA_CERTIFICATE_CATEGORY, CKA_JAVA_MIDP_SECURITY_DOMAIN, PKCS11_FORM_ULONG },
                { CKA_KEY_TYPE, CKA_KEY_TYPE, PKCS11_FORM_ULONG },
                { CKA_SENSITIVE, CKA_DERIVE, PKCS11_FORM_BYTE },
                { CKA_START_DATE, CKA_END_DATE, PKCS11_FORM_DATE },
                { CKA_MODULUS_BITS, CKA_MODULUS_BITS, PKCS11_FORM_ULONG },
                { CKA_PRIME_BITS, CKA_SUB_PRIME_BITS, PKCS11_FORM_ULONG },
                { CKA_VALUE_BITS, CKA_VALUE_LEN, PKCS11_FORM_ULONG },
                { CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, PKCS11_FORM_BYTE },
                { CKA_KEY_GEN_MECHANISM, CKA_KEY_GEN_MECHANISM, PKCS11_FORM_ULONG },
                { CKA_MODIFIABLE, CKA_COPYABLE, PKCS11_FORM_BYTE }, /* CKA_DESTROYABLE is bytes */
                { CKA_SECONDARY_AUTH, CKA_SECONDARY_AUTH, PKCS11_FORM_BYTE },
                { CKA_AUTH_PIN_FLAGS, CKA_AUTH_PIN_FLAGS, PKCS11_FORM_ULONG },
                { CKA_ALWAYS_AUTHENTICATE, CKA_ALWAYS_AUTHENTICATE, PKCS11_FORM_BYTE },
                { CKA_WRAP_WITH_TRUSTED, CKA_WRAP_WITH_TRUSTED, PKCS11_FORM_BYTE },
                { CKA_HW_FEATURE_TYPE, CKA_HW_FEATURE_TYPE, PKCS11_FORM_ULONG },
                { CKA_RESET_ON_INIT, CKA_HAS_RESET, PKCS11_FORM_BYTE },
                { CKA_PIXEL_X, CKA_CHAR_COLUMNS, PKCS11_FORM_ULONG },
                { CKA_COLOR, CKA_COLOR, PKCS11_FORM_BYTE },
                { CKA_BITS_PER_PIXEL, CKA_BITS_PER_PIXEL, PKCS11_FORM_ULONG },
                { CKA_MECHANISM_TYPE, CKA_MECHANISM_TYPE, PKCS11_FORM_ULONG },
                { CKA_WRAP_TEMPLATE, CKA_DERIVE_TEMPLATE, PKCS11_FORM_TEMPLATE },
                { CKA_ALLOWED_MECHANISMS, CKA_ALLOWED_MECHANISMS, PKCS11_FORM_MECHANISMS },
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++)
                if (type >= forms[i].first && type <= forms[i].last)
                        return forms[i].form;
        return PKCS11_FORM_BYTES;
}

bool pkcs11_skip_letters(const char **signature, const char *letters) {
        size_t n = strlen(letters);

        if (strncmp(*signature, letters, n) != 0)
                return false;
        *signature += n;
        return true;
}
