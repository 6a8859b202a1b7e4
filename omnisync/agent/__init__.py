"""The company's side: brings OmniForce's records into the ERP and shows what happened."""
