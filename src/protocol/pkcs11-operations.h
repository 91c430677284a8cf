/* SPDX-License-Identifier: MIT */
#pragma once

/* Calls that need the key: what is asked is checked and prepared here, the rest is the TPM's. */
#include "protocol/pkcs11-connection.h"

uint32_t pkcs11_call_sign_init(Pkcs11Call *c);
uint32_t pkcs11_call_sign(Pkcs11Call *c);
uint32_t pkcs11_call_sign_update(Pkcs11Call *c);
uint32_t pkcs11_call_sign_final(Pkcs11Call *c);
uint32_t pkcs11_call_decrypt_init(Pkcs11Call *c);
uint32_t pkcs11_call_decrypt(Pkcs11Call *c);

/* The result of what active has waited for: the output into out. It ends active. */
uint32_t pkcs11_operation_result(Pkcs11Active *active, const TokenResult *result, Pkcs11Writer *out);
