"""Has pywinrm run powershell.exe with recorded arguments and a recorded standard input: pywinrm.py URL ARGUMENTS INPUT.

It asks for what the plugin asks for: sealed NTLM, no cmd.exe in between, input from a pipe. pywinrm 0.3.0 sends no
input by itself, so its message is built here with pywinrm's own header.
"""
import base64
import sys
import uuid
from pathlib import Path

import xmltodict
from winrm.protocol import Protocol

url, arguments, stdin = sys.argv[1:]
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

host = Protocol(url, transport="ntlm", username=r"CONTOSO\monitor", password="Geheim-Pferd-7")
shell = host.open_shell()
command = host.run_command(shell, "powershell.exe", [Path(arguments).read_text()], console_mode_stdin=False, skip_cmd_shell=True)
stream = {"@Name": "stdin", "@CommandId": command, "@End": "true", "#text": base64.b64encode(Path(stdin).read_bytes()).decode()}
envelope = host._get_soap_header(resource_uri=SHELL + "/cmd", action=SHELL + "/Send", shell_id=shell, message_id=uuid.uuid4())
envelope["env:Body"] = {"rsp:Send": {"rsp:Stream": stream}}
host.send_message(xmltodict.unparse({"env:Envelope": envelope}))
stdout, stderr, exit_code = host.get_command_output(shell, command)
host.cleanup_command(shell, command)
host.close_shell(shell)
sys.exit(exit_code or b"-----BEGIN AUTHCERT" not in stdout)
