#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A program that has p11-kit's module loaded and goes on running, as a browser has: it reads "list" or "sign" from its
standard input, and answers with one line each, which begins with "ok" or with the call that failed."""
import ctypes
import hashlib
import sys

MODULE = '/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so'
Ulong, Bytes = ctypes.c_ulong, ctypes.c_char_p
INITIALIZE, GET_SLOT_LIST, GET_TOKEN_INFO, OPEN_SESSION = 0, 4, 6, 12
FIND_INIT, FIND, FIND_FINAL, SIGN_INIT, SIGN = 26, 27, 28, 42, 43
CKA_CLASS, CKO_PRIVATE_KEY, CKM_ECDSA, CKF_SERIAL_SESSION = 0, 3, 0x1041, 4


class Attribute(ctypes.Structure):
    _fields_ = [('type', Ulong), ('value', ctypes.c_void_p), ('length', Ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [('type', Ulong), ('parameter', ctypes.c_void_p), ('length', Ulong)]


class Failed(Exception):
    pass


class Module:
    def __init__(self):
        table = ctypes.POINTER(ctypes.c_void_p)()
        assert ctypes.CDLL(MODULE).C_GetFunctionList(ctypes.byref(table)) == 0
        self.functions = table
        self.call('C_Initialize', INITIALIZE, None)

    def call(self, name, number, *arguments):
        # The first member is the version, padded to a pointer.
        function = ctypes.CFUNCTYPE(Ulong, *(ctypes.c_void_p if a is None else type(a) for a in arguments))(
            self.functions[1 + number])
        rv = function(*arguments)
        if rv:
            raise Failed(f'{name} {rv:#x}')

    def token(self):
        """(slot, label) of the device's token."""
        slots, n = (Ulong * 32)(), (Ulong * 1)(32)
        self.call('C_GetSlotList', GET_SLOT_LIST, ctypes.c_ubyte(1), slots, n)
        for slot in slots[:n[0]]:
            info = ctypes.create_string_buffer(512)
            self.call('C_GetTokenInfo', GET_TOKEN_INFO, Ulong(slot), info)
            if info.raw[32:64].startswith(b'attezt'):
                return slot, info.raw[:32].decode().rstrip()
        raise Failed('no token')

    def sign(self):
        slot, _ = self.token()
        session = (Ulong * 1)()
        self.call('C_OpenSession', OPEN_SESSION, Ulong(slot), Ulong(CKF_SERIAL_SESSION), None, None, session)
        kind = Ulong(CKO_PRIVATE_KEY)
        wanted = (Attribute * 1)(Attribute(CKA_CLASS, ctypes.addressof(kind), ctypes.sizeof(kind)))
        key, n = (Ulong * 1)(), (Ulong * 1)()
        self.call('C_FindObjectsInit', FIND_INIT, Ulong(session[0]), wanted, Ulong(1))
        self.call('C_FindObjects', FIND, Ulong(session[0]), key, Ulong(1), n)
        self.call('C_FindObjectsFinal', FIND_FINAL, Ulong(session[0]))
        if not n[0]:
            raise Failed('no key')
        digest = hashlib.sha256(b'attezt').digest()
        signature, n = ctypes.create_string_buffer(512), (Ulong * 1)(512)
        self.call('C_SignInit', SIGN_INIT, Ulong(session[0]), (Mechanism * 1)(Mechanism(CKM_ECDSA, None, 0)),
                  Ulong(key[0]))
        self.call('C_Sign', SIGN, Ulong(session[0]), Bytes(digest), Ulong(len(digest)), signature, n)
        return signature.raw[:n[0]].hex()


def main():
    module = Module()
    for line in sys.stdin:
        try:
            answer = {'list': lambda: module.token()[1], 'sign': module.sign}[line.strip()]()
            print('ok', answer, flush=True)
        except Failed as e:
            print(e, flush=True)


main()
