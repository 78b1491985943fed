# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers that their approver signed: ``ssh-keygen -Y sign -n port995-waivers -f KEY waivers.yml`` beside the file.

Where signers are given, a file without a signature, or with one of somebody who did not approve all that stands in it,
is refused: else whoever can write the file can approve in another one's name.
"""

from __future__ import annotations

from ..policy.strict_yaml import YamlError
from ..policy.waivers import Waivers
from .sshsig import SignatureError, find_signer, read_signers, verify

NAMESPACE = "port995-waivers"
SUFFIX = ".sig"


def require_signed(waivers: Waivers, data: bytes, signature: bytes, signers: bytes, source: str) -> None:
    """See that the approver of every waiver signed the file.

    :param data: the file's bytes
    :param signature: as ``ssh-keygen -Y sign`` writes it
    :param signers: OpenSSH's ALLOWED SIGNERS; their names are those of approvers
    :param source: what to call the file in messages
    :raises YamlError: the signature is none of these bytes, of nobody who may sign, or somebody else approved
    """
    try:
        known = read_signers(signers, "the signers of waivers", NAMESPACE)
        signer = find_signer(verify(data, signature, NAMESPACE), known)
    except SignatureError as error:
        raise YamlError(f"{source}{SUFFIX}: {error}") from error
    if signer is None:
        raise YamlError(f"{source}{SUFFIX}: it was made by a key that is none of the signers'")
    for one in waivers.entries:
        if one.approved_by.casefold() != signer.name.casefold():
            raise YamlError(
                f"{source}:{one.line}: waiver {one.id} is approved by {one.approved_by!a}, and {signer.name!a} signed"
                " the file"
            )
