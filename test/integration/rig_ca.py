# SPDX-License-Identifier: MIT
"""Certificates that tests need: roots, servers' certificates, EK certificates of vendors good and bad."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

EK_EKU = ObjectIdentifier('2.23.133.8.1')
TPM_MANUFACTURER, TPM_MODEL, TPM_VERSION = (ObjectIdentifier(f'2.23.133.2.{n}') for n in (1, 2, 3))
FOREVER = datetime.datetime(9999, 12, 31, 23, 59, 59)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key(kind='p256'):
    if kind.startswith('rsa'):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({'p224': ec.SECP224R1, 'p256': ec.SECP256R1, 'p384': ec.SECP384R1,
                                    'p521': ec.SECP521R1}[kind]())


def spki(key):
    key = key.public_key() if hasattr(key, 'private_bytes') else key
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pem(thing):
    if hasattr(thing, 'private_bytes'):
        return thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                   serialization.NoEncryption())
    return thing.public_bytes(serialization.Encoding.PEM)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def write(path, *things, mode=0o644):
    data = b''.join(t if isinstance(t, bytes) else pem(t) for t in things)
    with open(path + '.new', 'wb') as f:
        os.fchmod(f.fileno(), mode)
        f.write(data)
    os.rename(path + '.new', path)
    return path


class Authority:
    """A CA of one level; issue() makes whatever is asked, sensible or not."""
    def __init__(self, name='Test Root', parent=None, kind='p256', ca=True, path_length=None):
        self.key = new_key(kind)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (parent or self).issue(
            self.key.public_key(), subject=self.name, not_after=now() + datetime.timedelta(days=3650), extensions=[
                (x509.BasicConstraints(ca, path_length if ca else None), True),
                (x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True)])

    def issue(self, public_key, subject=None, extensions=(), not_before=None, not_after=None):
        b = (x509.CertificateBuilder().issuer_name(self.name).subject_name(subject or x509.Name([]))
             .public_key(public_key).serial_number(x509.random_serial_number())
             .not_valid_before(not_before or now() - datetime.timedelta(hours=1))
             .not_valid_after(not_after or now() + datetime.timedelta(days=30)))
        for extension, critical in extensions:
            b = b.add_extension(extension, critical)
        b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        return b.sign(self.key, hashes.SHA256())

    def server(self, *names, directory=None, name='server', days=30):
        """A TLS server certificate and its key; with a directory also files there: (certificate, key)."""
        import ipaddress
        key = new_key()
        san = [x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() or ':' in n else x509.DNSName(n)
               for n in names]
        certificate = self.issue(key.public_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
                                 [(x509.SubjectAlternativeName(san), False),
                                  (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
                                 not_after=now() + datetime.timedelta(days=days))
        if directory is None:
            return certificate, key
        return write(f'{directory}/{name}.crt', certificate), write(f'{directory}/{name}.key', key, mode=0o644)

    def ek(self, public_key, manufacturer='id:54455354', model='soft', version='id:00020001', eku=EK_EKU,
           extra=(), ca=False, san=True, key_usage=None, aia=None, **kwargs):
        """An EK certificate as vendors issue them."""
        extensions = [(x509.BasicConstraints(ca, None), True)]
        if san:
            extensions.append((x509.SubjectAlternativeName([x509.DirectoryName(x509.Name([
                x509.RelativeDistinguishedName([x509.NameAttribute(TPM_MANUFACTURER, manufacturer),
                                                x509.NameAttribute(TPM_MODEL, model),
                                                x509.NameAttribute(TPM_VERSION, version)])]))]), True))
        if eku is not None:
            extensions.append((x509.ExtendedKeyUsage([eku]), False))
        if key_usage is None:
            agree = isinstance(public_key, ec.EllipticCurvePublicKey)
            key_usage = x509.KeyUsage(False, False, not agree, False, agree, False, False, False, False)
        if aia is not None:
            extensions.append((x509.AuthorityInformationAccess([x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(aia))]), False))
        extensions.append((key_usage, True))
        extensions.extend(extra)
        kwargs.setdefault('not_after', FOREVER)
        return self.issue(public_key, None, extensions, **kwargs)


def load_chain(text):
    """The certificates of a PEM text."""
    text = text.encode() if isinstance(text, str) else text
    end = b'-----END CERTIFICATE-----\n'
    return [x509.load_pem_x509_certificate(part + end) for part in text.split(end)[:-1]]


def _der_value(data):
    """(tag, content, rest) of one DER element."""
    length, at = data[1], 2
    if length & 0x80:
        n = length & 0x7f
        length, at = int.from_bytes(data[2:2 + n], 'big'), 2 + n
    return data[0], data[at:at + length], data[at + length:]


def names_of(certificate):
    """(permanentIdentifiers, URIs, directory names as {oid: text}) of subjectAltName."""
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    identifiers = []
    for other in san.get_values_for_type(x509.OtherName):
        if other.type_id.dotted_string == '1.3.6.1.5.5.7.8.3':
            _, content, _ = _der_value(other.value)
            tag, text, _ = _der_value(content)
            assert tag == 0x0c
            identifiers.append(text.decode())
    uris = san.get_values_for_type(x509.UniformResourceIdentifier)
    directory = {a.oid.dotted_string: a.value for n in san.get_values_for_type(x509.DirectoryName) for a in n}
    return identifiers, uris, directory
