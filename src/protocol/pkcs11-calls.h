/* SPDX-License-Identifier: MIT */
#pragma once

/* Calls that are answered at once: slot, token, sessions, objects. Each is a Pkcs11Function. */
#include "protocol/pkcs11-connection.h"

uint32_t pkcs11_call_initialize(Pkcs11Call *c);
uint32_t pkcs11_call_finalize(Pkcs11Call *c);
uint32_t pkcs11_call_get_info(Pkcs11Call *c);
uint32_t pkcs11_call_get_slot_list(Pkcs11Call *c);
uint32_t pkcs11_call_get_slot_info(Pkcs11Call *c);
uint32_t pkcs11_call_get_token_info(Pkcs11Call *c);
uint32_t pkcs11_call_get_mechanism_list(Pkcs11Call *c);
uint32_t pkcs11_call_get_mechanism_info(Pkcs11Call *c);
uint32_t pkcs11_call_open_session(Pkcs11Call *c);
uint32_t pkcs11_call_close_session(Pkcs11Call *c);
uint32_t pkcs11_call_close_all_sessions(Pkcs11Call *c);
uint32_t pkcs11_call_get_session_info(Pkcs11Call *c);
uint32_t pkcs11_call_login(Pkcs11Call *c);
uint32_t pkcs11_call_logout(Pkcs11Call *c);
uint32_t pkcs11_call_get_object_size(Pkcs11Call *c);
uint32_t pkcs11_call_get_attribute_value(Pkcs11Call *c);
uint32_t pkcs11_call_find_objects_init(Pkcs11Call *c);
uint32_t pkcs11_call_find_objects(Pkcs11Call *c);
uint32_t pkcs11_call_find_objects_final(Pkcs11Call *c);
