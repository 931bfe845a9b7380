"""Keys for tests, made by OpenSSL: the library that signs takes a second for each, in every worker of the tests."""

from Cryptodome.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def new_key() -> RSA.RsaKey:
    """Make a private key of 2048 bits."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return RSA.import_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
